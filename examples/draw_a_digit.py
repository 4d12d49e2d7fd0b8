"""
A page to draw digits on
========================

Draw with the mouse or a finger, and see at once what a network makes of it: the probabilities of all classes,
the drawing as the network sees it, and which pixels spoke for the answer.

``python examples/draw_a_digit.py`` trains on the digits that come with the package, keeps the model, and
serves the page on this machine alone. ``--model`` takes any other that `save_model` has written: it must take
MNIST's images and end in a `CNNDigitClassifier`. Needs the extra ``demo``.
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

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read by gradio when it is imported
import gradio as gr

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "sk_mnist_cnn")
MODEL = CACHE / f"draw_a_digit-{sk_mnist_cnn.__version__}.skops"

PAPER = """
<canvas width="640" height="640" role="img" aria-label="Paper to draw a digit on"></canvas>
<button type="button">Clear</button>
"""
# The drawing is sent while the pen moves, and Gradio skips what comes in before the last answer is out.
PEN = """
const canvas = element.querySelector("canvas"), pen = canvas.getContext("2d");
Object.assign(pen, {lineWidth: 50, lineCap: "round", lineJoin: "round"});
let last;
const send = () => { props.value = canvas.toDataURL(); trigger("input"); };
const draw = (event) => {
    const place = [event.offsetX, event.offsetY].map((at) => at * canvas.width / canvas.clientWidth);
    pen.beginPath();
    pen.moveTo(...(last ?? [place[0] - 0.1, place[1]]));  // what has no length is not drawn
    pen.lineTo(...place);
    pen.stroke();
    last = place;
    send();
};
canvas.onpointerdown = (event) => { canvas.setPointerCapture(event.pointerId); last = null; draw(event); };
canvas.onpointermove = (event) => { if (event.buttons) draw(event); };
element.querySelector("button").onclick = () => {
    pen.clearRect(0, 0, canvas.width, canvas.height);
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
    """The model in a file, which is made from the package's digits where there is none."""
    if path.is_file():
        return load_model(path)
    print("Training on the digits that come with the package ...", flush=True)
    recipe = {"optimizer": "adam", "learning_rate": 0.003, "learning_rate_schedule": "one_cycle"}
    classifier = CNNDigitClassifier(**recipe, augmentation="affine", epochs=6, random_state=0)
    mnist = load_mnist_sample()
    model = make_pipeline(ImagePreprocessor(), classifier).fit(mnist.x_train, mnist.y_train)
    print(f"{model.score(mnist.x_test, mnist.y_test):.1%} of the test digits are recognised.")
    path.parent.mkdir(parents=True, exist_ok=True)
    save_model(model, path)
    return model


def show_answer(answer, labels, probabilities):
    """The answer in words, and a bar a class."""
    bars = [
        f'<div class="bar"><b>{escape(str(label))}</b><div><i style="width: {p:.1%}"></i></div>'
        f"<span>{p:.0%}</span></div>"
        for label, p in zip(labels, probabilities, strict=True)
    ]
    return f'<div class="answer" aria-live="polite">{answer}</div>{"".join(bars)}'


def show_evidence(model, image):
    """What the network saw, and which pixels spoke for the class it names."""
    figure = Figure(figsize=(4.7, 2.1), dpi=180, layout="constrained")
    seen, evidence = figure.subplots(1, 2, width_ratios=(3, 4.1))
    SaliencyDisplay.from_estimator(model, image[np.newaxis], ax=evidence)
    seen.imshow(image, cmap="gray", extent=evidence.images[0].get_extent())
    seen.set(xlim=evidence.get_xlim(), ylim=evidence.get_ylim())
    seen.set_title("What the network sees", fontsize="medium")
    seen.set_axis_off()
    return figure


def page(model):
    """The page, where every stroke is an event."""
    hint = show_answer("Draw with the mouse or a finger.", model.classes_, [0] * len(model.classes_))

    def recognise(drawing):
        picture = Image.open(io.BytesIO(base64.b64decode(drawing.partition(",")[2])))
        image = MNISTNormalizer().transform([picture])[0]
        if not image.any():
            return hint, gr.Plot(visible=False)
        probabilities = model.predict_proba(image[np.newaxis])[0]
        label = escape(str(model.classes_[probabilities.argmax()]))
        answer = show_answer(f"The network says <b>{label}</b>", model.classes_, probabilities)
        return answer, gr.Plot(show_evidence(model, image), visible=True)

    show_evidence(model, load_mnist_sample().x_test[0])  # the first of a process takes seconds
    with gr.Blocks(title="Draw a digit", analytics_enabled=False) as blocks:
        gr.Markdown("# Draw a digit\nNothing that you draw leaves this machine.")
        with gr.Row():
            with gr.Column(min_width=300):
                paper = gr.HTML("", html_template=PAPER, js_on_load=PEN)
            with gr.Column(min_width=300):
                answer = gr.HTML(hint)
                evidence = gr.Plot(show_label=False, container=False, visible=False)
        at_once = {"trigger_mode": "always_last", "show_progress": "hidden", "queue": False}
        paper.input(recognise, paper, [answer, evidence], **at_once)
    return blocks


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Serve a page to draw digits on, on this machine alone.")
    parser.add_argument("--model", type=Path, default=MODEL, help="file, made if absent (%(default)s)")
    parser.add_argument("--port", type=int, default=7860, help="port on 127.0.0.1 (%(default)s)")
    arguments = parser.parse_args()
    blocks = page(load_or_train(arguments.model))
    theme = gr.themes.Soft(font="system-ui", font_mono="monospace")
    where = {"server_name": "127.0.0.1", "server_port": arguments.port, "share": False}
    blocks.launch(**where, theme=theme, css=STYLE, footer_links=[], quiet=True, prevent_thread_lock=True)
    print(f"Draw at {blocks.local_url} (Ctrl+C ends it)", flush=True)
    blocks.block_thread()
