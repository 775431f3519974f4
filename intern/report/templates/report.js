"use strict";
// Draws every chart, and highlights the chosen trial in the charts, the tree and the tables.
const views = [], runs = document.querySelector("#picked");
const options = {mode: "vega-lite", renderer: "svg", actions: false, ast: true, tooltip: {disableDefaultStyle: true}};
for (const figure of document.querySelectorAll("figure.chart")) {
  const spec = JSON.parse(figure.firstElementChild.textContent);
  vegaEmbed(figure, spec, options)
    .then(({view}) => {
      views.push(view);
      view.addEventListener("click", (_, item) => pick(item?.datum?.trial ?? item?.datum?.trials?.[0] ?? -1));
    })
    .catch(error => {
      figure.textContent = "This chart could not be drawn: " + error.message;
      console.error(error);
    })
    .finally(() => { document.documentElement.dataset.drawn = views.length; });
}
function pick(trial) {
  views.forEach(view => view.signal("picked", trial).runAsync());
  for (const row of document.querySelectorAll("[data-trial]"))
    row.classList.toggle("picked", Number(row.dataset.trial) === trial);
  if (runs) runs.value = [...runs.options].some(option => Number(option.value) === trial) ? trial : -1;
}
runs?.addEventListener("change", () => pick(Number(runs.value)));
