"use strict";
// Images of events, on the pixels of their cameras, with true and predicted directions.
const gallery = page.gallery || { cameras: [], events: [] };

function pixels(event) {
  const image = [];
  for (let i = 0; i < event.charge.length; i++) image.push(event.charge[i]);
  return image;
}

/* Lengths of cameras are whole numbers of 1/10000 of their radius. */
function drawEvent(canvas, event) {
  const camera = gallery.cameras[event.camera];
  const ratio = Math.max(1, Math.min(3, window.devicePixelRatio || 1));
  const size = 300;
  canvas.width = canvas.height = size * ratio;
  const context = canvas.getContext("2d");
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const scale = (size * ratio) / 2 / 10600;
  const at = (x, y) => [(size * ratio) / 2 + x * scale, (size * ratio) / 2 - y * scale];
  const charges = pixels(event);
  const shade = d3.scaleSequential(d3.interpolateViridis).domain([0, 255]);
  context.clearRect(0, 0, canvas.width, canvas.height);
  charges.forEach((charge, i) => {
    const shape = camera.shapes[camera.shape[i]];
    context.beginPath();
    shape.forEach(([dx, dy], k) => {
      const [x, y] = at(camera.x[i] + dx, camera.y[i] + dy);
      if (k === 0) context.moveTo(x, y);
      else context.lineTo(x, y);
    });
    context.closePath();
    context.fillStyle = charge === null ? colour("--line") : shade(charge);
    context.fill();
  });
  marker(context, at, event.true, "true", colour, ratio);
  marker(context, at, event.predicted, "predicted", colour, ratio);
}

/* A plus where the shower comes from, a ring where the network says; both pale on dark, since cameras are dark. */
function marker(context, at, place, kind, colour, ratio) {
  if (!place) return;
  const [x, y] = at(place[0], place[1]);
  const r = 6.5 * ratio;
  for (const [width, stroke] of [[4.5, "#000000"], [2, kind === "true" ? "#ffffff" : "#ff9e64"]]) {
    context.beginPath();
    if (kind === "true") {
      context.moveTo(x - r, y);
      context.lineTo(x + r, y);
      context.moveTo(x, y - r);
      context.lineTo(x, y + r);
    } else {
      context.arc(x, y, r, 0, 2 * Math.PI);
    }
    context.lineWidth = width * ratio;
    context.strokeStyle = stroke;
    context.stroke();
  }
}

function drawEvents() {
  document.querySelectorAll("canvas[data-event]").forEach((canvas) => drawEvent(canvas, gallery.events[Number(canvas.dataset.event)]));
}
