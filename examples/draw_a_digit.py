"""
Web page that recognizes drawn digits
=====================================

Draw a digit with the mouse or a finger. While you draw, the page shows the probabilities of all classes,
the drawing as the network sees it, and a saliency map of the prediction.

``python examples/draw_a_digit.py`` trains a model on the digits that are shipped with the package, saves
it, and serves the page on 127.0.0.1 only. Use ``--model`` for another model, written by `save_model`.
It must accept images of 28x28 pixels, and its last step must be a `CNNDigitClassifier`. Requires the extra
``demo``.
"""

import argparse
import base64
import io
import os
from html import escape
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image
from sklearn.pipeline import make_pipeline

import sk_mnist_cnn
from sk_mnist_cnn import (
    CNNDigitClassifier,
    ImagePreprocessor,
    MNISTNormalizer,
    SaliencyDisplay,
    load_mnist_sample,
    load_model,
    save_model,
)

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # gradio reads it at import
import gradio as gr

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "sk_mnist_cnn")
MODEL = CACHE / f"draw_a_digit-{sk_mnist_cnn.__version__}.skops"

CANVAS_HTML = """
<canvas width="640" height="640" role="img" aria-label="Canvas to draw a digit on"></canvas>
<button type="button">Clear</button>
"""
# Sends the drawing at every pointer event. Gradio drops events that arrive before the previous one is done.
CANVAS_JS = """
const canvas = element.querySelector("canvas"), context = canvas.getContext("2d");
Object.assign(context, {lineWidth: 50, lineCap: "round", lineJoin: "round"});
let last;
const send = () => { props.value = canvas.toDataURL(); trigger("input"); };
const draw = (event) => {
    const point = [event.offsetX, event.offsetY].map((offset) => offset * canvas.width / canvas.clientWidth);
    context.beginPath();
    context.moveTo(...(last ?? [point[0] - 0.1, point[1]]));  // a line of length 0 would not be drawn
    context.lineTo(...point);
    context.stroke();
    last = point;
    send();
};
canvas.onpointerdown = (event) => { canvas.setPointerCapture(event.pointerId); last = null; draw(event); };
canvas.onpointermove = (event) => { if (event.buttons) draw(event); };
element.querySelector("button").onclick = () => {
    context.clearRect(0, 0, canvas.width, canvas.height);
    send();
};
"""
STYLE = """
.gradio-container { max-width: 60rem !important; margin: auto !important; }
canvas { display: block; width: 100%; aspect-ratio: 1; cursor: crosshair; touch-action: none;
    background: white; border: 1px solid var(--border-color-primary); border-radius: 12px; }
canvas + button { width: 100%; margin-top: 12px; padding: 10px; border-radius: 8px; font-weight: 600;
    background: var(--button-secondary-background-fill); }
.answer { font-size: 1.2rem; line-height: 2.4rem; }
.answer b { font-size: 1.5rem; }
.bar { display: grid; grid-template-columns: auto 1fr 5ch; gap: 12px; align-items: center; line-height: 1.8; }
.bar div { height: 14px; border-radius: 7px; overflow: hidden; background: var(--border-color-primary); }
.bar i { display: block; height: 100%; background: #0072B2; }
.bar span { text-align: right; }
"""


def load_or_train(path):
    """Load the model at `path`, or train one and save it there."""
    if path.is_file():
        return load_model(path)
    print("Training on the digits shipped with the package ...", flush=True)
    recipe = {"optimizer": "adam", "learning_rate": 0.003, "learning_rate_schedule": "one_cycle"}
    classifier = CNNDigitClassifier(**recipe, augmentation="affine", epochs=6, random_state=0)
    mnist = load_mnist_sample()
    model = make_pipeline(ImagePreprocessor(), classifier).fit(mnist.x_train, mnist.y_train)
    print(f"{model.score(mnist.x_test, mnist.y_test):.1%} of the test digits are recognized.")
    path.parent.mkdir(parents=True, exist_ok=True)
    save_model(model, path)
    return model


def format_prediction(text, labels, probabilities):
    """Return HTML with a text and a bar per class."""
    bars = [
        f'<div class="bar"><b>{escape(str(label))}</b><div><i style="width: {p:.1%}"></i></div>'
        f"<span>{p:.0%}</span></div>"
        for label, p in zip(labels, probabilities, strict=True)
    ]
    return f'<div class="answer" aria-live="polite">{text}</div>{"".join(bars)}'


def plot_saliency(model, image):
    """Plot the image as the network sees it, and the saliency map of the prediction."""
    figure = Figure(figsize=(4.7, 2.1), dpi=180, layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 4.1))
    SaliencyDisplay.from_estimator(model, image[np.newaxis], ax=right)
    left.imshow(image, cmap="gray", extent=right.images[0].get_extent())
    left.set(xlim=right.get_xlim(), ylim=right.get_ylim())
    left.set_title("Input of the network", fontsize="medium")
    left.set_axis_off()
    return figure


def build_page(model):
    """Return the Gradio page. Every change of the drawing triggers a prediction."""
    hint = format_prediction("Draw with the mouse or a finger.", model.classes_, [0] * len(model.classes_))

    def recognize(drawing):
        picture = Image.open(io.BytesIO(base64.b64decode(drawing.partition(",")[2])))
        image = MNISTNormalizer().transform([picture])[0]
        if not image.any():
            return hint, gr.Plot(visible=False)
        probabilities = model.predict_proba(image[np.newaxis])[0]
        label = escape(str(model.classes_[probabilities.argmax()]))
        text = format_prediction(f"The network says <b>{label}</b>", model.classes_, probabilities)
        return text, gr.Plot(plot_saliency(model, image), visible=True)

    plot_saliency(model, load_mnist_sample().x_test[0])  # the first call in a process takes seconds
    with gr.Blocks(title="Draw a digit", analytics_enabled=False) as blocks:
        gr.Markdown("# Draw a digit\nYour drawings are not sent to other machines.")
        with gr.Row():
            with gr.Column(min_width=300):
                canvas = gr.HTML("", html_template=CANVAS_HTML, js_on_load=CANVAS_JS)
            with gr.Column(min_width=300):
                prediction = gr.HTML(hint)
                saliency = gr.Plot(show_label=False, container=False, visible=False)
        options = {"trigger_mode": "always_last", "show_progress": "hidden", "queue": False}
        canvas.input(recognize, canvas, [prediction, saliency], **options)
    return blocks


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description="Serve a web page that recognizes drawn digits, on 127.0.0.1."
    )
    parser.add_argument(
        "--model", type=Path, default=MODEL, help="model file, created if missing (%(default)s)"
    )
    parser.add_argument("--port", type=int, default=7860, help="port on 127.0.0.1 (%(default)s)")
    arguments = parser.parse_args()
    blocks = build_page(load_or_train(arguments.model))
    theme = gr.themes.Soft(font="system-ui", font_mono="monospace")
    server = {"server_name": "127.0.0.1", "server_port": arguments.port, "share": False}
    blocks.launch(**server, theme=theme, css=STYLE, footer_links=[], quiet=True, prevent_thread_lock=True)
    print(f"Draw at {blocks.local_url} (press Ctrl+C to stop)", flush=True)
    blocks.block_thread()
