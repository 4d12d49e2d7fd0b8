// Paint strokes, boxes and images on a canvas, in the colors of style.css.

const PEN_WIDTH = 0.045; // as a fraction of the canvas
const PNG_SIDE = 640; // in pixels

export const BLANK = Array(28).fill(Array(28).fill(0));

export function paintStrokes(canvas, strokes, ink = color("ink")) {
    const side = canvas.width;
    const context = canvas.getContext("2d");
    Object.assign(context, { lineWidth: PEN_WIDTH * side, lineCap: "round", lineJoin: "round", strokeStyle: ink });
    for (const [first, ...others] of strokes) {
        context.beginPath();
        context.moveTo(first[0] * side, first[1] * side);
        for (const [x, y] of others.length ? others : [first]) context.lineTo(x * side, y * side);
        context.stroke();
    }
}

// Return the drawing as a PNG file, black on white, for the server.
export function asPng(strokes) {
    const canvas = Object.assign(document.createElement("canvas"), { width: PNG_SIDE, height: PNG_SIDE });
    const context = canvas.getContext("2d");
    context.fillStyle = "white";
    context.fillRect(0, 0, PNG_SIDE, PNG_SIDE);
    paintStrokes(canvas, strokes, "black");
    return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

// Paint the place of the pen that is moved by the keyboard.
export function paintPen(canvas, [x, y]) {
    const side = canvas.width;
    const context = canvas.getContext("2d");
    context.beginPath();
    context.arc(x * side, y * side, PEN_WIDTH * side, 0, 7);
    Object.assign(context, { lineWidth: 0.008 * side, strokeStyle: color("accent") });
    context.stroke();
}

// Paint a box around a digit, dashed if it is doubtful, with a label above it.
export function paintBox(canvas, { box, doubtful }, label, isSelected) {
    const pixel = canvas.width / canvas.clientWidth; // of CSS
    const margin = 0.3 * PEN_WIDTH;
    const [top, left, bottom, right] = box.map((end, i) => (end + (i < 2 ? -margin : margin)) * canvas.width);
    const context = canvas.getContext("2d");
    context.save();
    context.strokeStyle = context.fillStyle = color(doubtful ? "for" : "accent");
    context.lineWidth = (isSelected ? 3 : 1) * pixel;
    context.setLineDash(doubtful ? [6 * pixel, 6 * pixel] : []);
    context.strokeRect(left, top, right - left, bottom - top);
    context.font = `${isSelected ? "bold " : ""}${14 * pixel}px system-ui, sans-serif`;
    context.fillText(label, left, top - 5 * pixel);
    context.restore();
}

export function paintPixels(canvas, colorAt) {
    const context = canvas.getContext("2d");
    const pixels = context.createImageData(28, 28);
    for (let i = 0; i < 28 * 28; i++) {
        pixels.data.set([...colorAt(Math.floor(i / 28), i % 28), 255], 4 * i);
    }
    context.putImageData(pixels, 0, 0);
}

// Return the red, green and blue of a named color.
export function rgb(name) {
    return color(name).match(/[0-9a-f]{2}/g).map((hex) => parseInt(hex, 16));
}

export function mix(from, to, share) {
    return from.map((value, channel) => value + share * (to[channel] - value));
}

function color(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`);
}
