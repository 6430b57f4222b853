// The threshold chooser: what each condition would reject and accept at the threshold of the slider.
"use strict";
const { curves, start } = JSON.parse(document.getElementById("curves").textContent);
const slider = document.getElementById("threshold");
const rows = document.getElementById("chosen");
// Thresholds of detectors crowd near 0 and 1: the slider moves along all thresholds that occur, in order.
const all = [...new Set(curves.flatMap((curve) => curve.threshold))].sort((a, b) => a - b);
slider.max = all.length - 1;

function at(curve, threshold) {
  // The first point whose threshold is no lower: what fires there fires at this threshold.
  let low = 0;
  let high = curve.threshold.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (curve.threshold[middle] < threshold) low = middle + 1;
    else high = middle;
  }
  if (low === curve.threshold.length) return { rejects: curve.words, accepts: 0 };
  return { rejects: curve.rejects[low], accepts: curve.accepts[low] };
}

function show() {
  const threshold = all[Number(slider.value)];
  document.getElementById("value").textContent = threshold.toFixed(4);
  rows.replaceChildren(
    ...curves.map((curve) => {
      const { rejects, accepts } = at(curve, threshold);
      const row = document.createElement("tr");
      const cells = [
        curve.name,
        `${((100 * rejects) / curve.words).toFixed(1)} %`,
        `${rejects} of ${curve.words}`,
        (accepts / curve.hours).toFixed(2),
        `${accepts} in ${curve.hours.toFixed(2)} h`,
      ];
      for (const text of cells) {
        const cell = document.createElement("td");
        cell.textContent = text;
        row.append(cell);
      }
      return row;
    }),
  );
}

slider.value = all.findIndex((threshold) => threshold >= start);
slider.addEventListener("input", show);
show();
