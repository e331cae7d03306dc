// The strip of the whole row as a picture: what is drawn is read from the page, so the colours are those on screen.

const SCALE = 2; // pixels of the picture to one of the page
const MARGIN = 8;
const LINE = 20; // what the words below take
const HATCH = 5;

const styleOf = (node) => getComputedStyle(node);

const hatch = (context, { x, y, width, height }, colour) => {
  context.save();
  context.beginPath();
  context.rect(x, y, width, height);
  context.clip();
  context.strokeStyle = colour;
  context.beginPath();
  for (let at = x - height; at < x + width; at += HATCH) {
    context.moveTo(at, y + height);
    context.lineTo(at + height, y);
  }
  context.stroke();
  context.restore();
};

// A box of the strip: filled, hatched or outlined as its style says, with its word where that has room.
const drawBox = (context, node, box) => {
  const style = styleOf(node);
  const [border, colour] = [parseFloat(style.borderTopWidth), style.borderTopColor];
  context.fillStyle = style.backgroundColor;
  context.fillRect(box.x, box.y, box.width, box.height);
  if (style.backgroundImage !== "none") hatch(context, box, node.matches(".vtg-bar-leak") ? style.getPropertyValue("--vtg-leak") : style.getPropertyValue("--vtg-hatch"));
  if (node.matches(".vtg-bar-leak")) {
    context.globalAlpha = 0.6;
    context.fillStyle = style.getPropertyValue("--vtg-leak");
    context.fillRect(box.x, box.y, box.width, box.height);
    context.globalAlpha = 1;
  }
  if (node.matches(".vtg-bar-hole")) {
    context.strokeStyle = colour;
    context.lineWidth = border;
    context.strokeRect(box.x + border / 2, box.y + border / 2, box.width - border, box.height - border);
    context.lineWidth = 1;
  } else if (border) {
    context.fillStyle = colour;
    context.fillRect(box.x, box.y, box.width, border);
  }
  if (!node.textContent || context.measureText(node.textContent).width + 6 > box.width) return;
  context.fillStyle = style.color;
  context.fillText(node.textContent, box.x + 4, box.y + 16);
};

// `bar` is what sequenceBar (sequence_bar.js) made.
export const barPicture = (bar) => {
  const [strip, about] = [bar.querySelector(".vtg-bar-strip"), bar.querySelector(".vtg-bar-about")];
  const whole = strip.getBoundingClientRect();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [whole.width + 2 * MARGIN, whole.height + 2 * MARGIN + LINE].map((size) => Math.ceil(SCALE * size));
  const context = canvas.getContext("2d");
  context.scale(SCALE, SCALE);
  context.font = `11px ${styleOf(about).fontFamily}`;
  context.fillStyle = styleOf(strip).getPropertyValue("--background-fill-primary") || "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  for (const node of strip.querySelectorAll(".vtg-bar-section, .vtg-bar-run, .vtg-bar-cut")) {
    const { x, y, width, height } = node.getBoundingClientRect();
    drawBox(context, node, { x: x - whole.x + MARGIN, y: y - whole.y + MARGIN, width, height });
  }
  context.fillStyle = styleOf(about).color;
  context.fillText(about.textContent, MARGIN, whole.height + MARGIN + LINE - 4);
  return canvas;
};
