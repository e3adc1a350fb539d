"use strict";
// Puts everything in its place; figures are drawn when they come into view, and all of them before the page is printed.
runs();
for (const figure of figures) {
  legend(figure, page.items[figure.number], state.items[figure.number]);
  bar(figure, page.items[figure.number], state.items[figure.number]);
}
const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (entry.isIntersecting) see(figures.find((f) => f.element === entry.target));
  }
}, { rootMargin: "600px" });
figures.forEach((f) => watcher.observe(f.element));
window.addEventListener("beforeprint", () => figures.forEach(see));
document.querySelectorAll("button.save").forEach((button) => {
  button.hidden = false;
  button.addEventListener("click", () => download(`${button.dataset.name}.json`, document.getElementById("page-data").textContent));
});
drawEvents();
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawEvents);
document.body.dataset.ready = "1";
