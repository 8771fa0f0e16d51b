const floats = text => new Float32Array(Uint8Array.from(atob(text), c => c.charCodeAt(0)).buffer);
const kinds = ["states", "costates"].filter(kind => data[kind]);
const values = {}, rest = {};
for (const kind of kinds) { values[kind] = floats(data[kind]); rest[kind] = floats(data["rest_" + kind]); }
const N = data.rows.reduce((sum, row) => sum + row.size, 0), T = data.steps, starts = [];
data.rows.reduce((sum, row) => (starts.push(sum), sum + row.size), 0);
const rowOf = k => { let r = 0; while (r + 1 < starts.length && starts[r + 1] <= k) r++; return r; };
let sample = data.samples.length - 1, at = { t: T - 1, n: 0 }, view = { t0: 0, t1: T, n0: 0, n1: N };
const value = (kind, t, n) => values[kind][(sample * T + t) * N + n];
const restOf = (kind, n) => rest[kind][sample * N + n];
const scaleOf = (kind, n) => {
  const r = rowOf(n); let most = 0;
  for (let k = starts[r]; k < starts[r] + data.rows[r].size; k++) most = Math.max(most, Math.abs(restOf(kind, k)));
  return most || 1;
};
const unit = [["s", 1], ["ms", 1e-3], ["µs", 1e-6], ["ns", 1e-9], ["ps", 1e-12], ["fs", 1e-15]].find(u => T * data.every * data.step >= 2 * u[1]) || ["fs", 1e-15];
const time = t => number((t + 1) * data.every * data.step / unit[1]) + " " + unit[0];
const cividis = [[0, 32, 76], [0, 42, 102], [58, 74, 107], [93, 105, 112], [124, 123, 120], [159, 146, 116], [198, 175, 101], [232, 206, 72], [255, 234, 70]];
const heat = log => {
  if (!Number.isFinite(log) && log !== -Infinity) return "#888";
  const at = clamp((log + 6) / 6, 0, 1) * (cividis.length - 1), low = Math.floor(at), high = Math.min(low + 1, cividis.length - 1);
  return "rgb(" + cividis[low].map((c, k) => Math.round(c + (cividis[high][k] - c) * (at - low))).join() + ")";
};
const tools = make("div", page, null, { className: "tools" });
const sampleBox = choice(tools, "Sample", data.samples.map(s => s.number + ": " + s.outcome), k => { sample = k; draw(); });
sampleBox.value = sample;
const rowBox = choice(tools, "Row", data.rows.map(row => row.name + " (" + row.size + ")"), r => { at.n = starts[r]; draw(); });
const neuronLabel = make("label", tools, "Neuron of the row");
const neuronBox = make("input", neuronLabel, null, { type: "number", min: 0, value: 0 });
neuronBox.addEventListener("input", () => {
  const r = rowOf(at.n);
  at.n = starts[r] + clamp(Math.round(+neuronBox.value) || 0, 0, data.rows[r].size - 1);
  draw();
});
const zoom = (axis, factor) => {
  const [low, high, most, middle] = axis === "t" ? ["t0", "t1", T, at.t] : ["n0", "n1", N, at.n];
  const wide = clamp(Math.round((view[high] - view[low]) * factor), Math.min(4, most), most);
  view[low] = clamp(middle - (wide >> 1), 0, most - wide); view[high] = view[low] + wide;
  draw();
};
const zooms = make("div", page, null, { className: "tools" });
button(zooms, "Time +", () => zoom("t", 0.5)); button(zooms, "Time −", () => zoom("t", 2));
button(zooms, "Depth +", () => zoom("n", 0.5)); button(zooms, "Depth −", () => zoom("n", 2));
button(zooms, "All", () => { view = { t0: 0, t1: T, n0: 0, n1: N }; draw(); });
const told = make("output", page); told.setAttribute("aria-live", "polite");
const panels = make("div", page, null, { className: "panels" }), canvases = {};
for (const kind of kinds) {
  const figure = make("figure", panels);
  canvases[kind] = surface(figure, kind + ": distance from rest, depth against time; arrow keys move, + and - zoom time, < and > zoom depth, 0 shows all", 320);
  make("figcaption", figure, kind + ": bright is far from rest, dark is at rest; input at the bottom, time to the right");
}
const figure = make("figure", page), plot = surface(figure, "state and costate of the chosen neuron against time", 220);
make("figcaption", figure, "The chosen neuron: state solid, costate dashed, where each rests thin.");
make("p", page, "Keys, on a picture: arrows move, + and − zoom time, < and > zoom depth, 0 shows all.", { className: "note" });
const sheet = kind => {
  const [pen, wide, tall] = ready(canvases[kind]), columns = view.t1 - view.t0, rows = view.n1 - view.n0;
  const across = Math.min(columns, Math.ceil(wide)), down = Math.min(rows, Math.ceil(tall));
  for (let r = 0; r < down; r++) {
    const n = view.n0 + Math.floor(r * rows / down), scale = scaleOf(kind, n), end = restOf(kind, n);
    for (let c = 0; c < across; c++) {
      const t = view.t0 + Math.floor(c * columns / across), off = Math.abs(value(kind, t, n) - end) / scale;
      pen.fillStyle = heat(Math.log10(off));
      pen.fillRect(c * wide / across, tall - (r + 1) * tall / down, wide / across + 1, tall / down + 1);
    }
  }
  pen.fillStyle = "#fff";
  starts.forEach(s => s > view.n0 && s < view.n1 && pen.fillRect(0, tall - (s - view.n0) * tall / rows, wide, 1));
  data.rows.forEach((row, r) => {
    const low = Math.max(starts[r], view.n0), high = Math.min(starts[r] + row.size, view.n1), text = row.name.slice(0, 24);
    if ((high - low) * tall / rows < 16) return;
    const middle = tall - ((low + high) / 2 - view.n0) * tall / rows;
    pen.fillStyle = "rgba(0, 0, 0, 0.6)"; pen.fillRect(2, middle - 8, pen.measureText(text).width + 8, 16);
    pen.fillStyle = "#fff"; pen.fillText(text, 6, middle + 4);
  });
  pen.strokeStyle = "#e69f00"; pen.lineWidth = 2;
  const x = (at.t - view.t0 + 0.5) * wide / columns, y = tall - (at.n - view.n0 + 0.5) * tall / rows;
  pen.strokeRect(x - 5, y - 5, 10, 10);
};
const curve = () => {
  const [pen, wide, tall] = ready(plot), left = 8, span = view.t1 - view.t0;
  let low = Infinity, high = -Infinity;
  for (const kind of kinds) for (let t = view.t0; t < view.t1; t++) {
    const v = value(kind, t, at.n);
    if (Number.isFinite(v)) { low = Math.min(low, v, restOf(kind, at.n)); high = Math.max(high, v, restOf(kind, at.n)); }
  }
  if (!(high > low)) { low = (Number.isFinite(low) ? low : 0) - 1; high = low + 2; }
  const x = t => left + (t - view.t0 + 0.5) * (wide - 2 * left) / span, y = v => 18 + (high - v) * (tall - 40) / (high - low);
  kinds.forEach((kind, k) => {
    pen.strokeStyle = color(k ? "costate" : "state"); pen.setLineDash(k ? [7, 4] : []);
    pen.lineWidth = 1; pen.globalAlpha = 0.5;
    pen.beginPath(); pen.moveTo(left, y(restOf(kind, at.n))); pen.lineTo(wide - left, y(restOf(kind, at.n))); pen.stroke();
    pen.globalAlpha = 1; pen.lineWidth = 2; pen.beginPath();
    for (let t = view.t0; t < view.t1; t++) { const v = value(kind, t, at.n); if (Number.isFinite(v)) pen.lineTo(x(t), y(v)); }
    pen.stroke();
  });
  pen.setLineDash([]); pen.fillStyle = color("ink");
  pen.fillText(number(high), left, 13); pen.fillText(number(low) + "   from " + time(view.t0) + " to " + time(view.t1 - 1), left, tall - 6);
};
const tell = () => {
  const r = rowOf(at.n);
  rowBox.value = r; neuronBox.max = data.rows[r].size - 1;
  if (document.activeElement !== neuronBox) neuronBox.value = at.n - starts[r];
  told.textContent = data.rows[r].name + "[" + (at.n - starts[r]) + "] at " + time(at.t) + ": " + kinds.map(kind => {
    const v = value(kind, at.t, at.n), end = restOf(kind, at.n);
    return kind.slice(0, -1) + " " + number(v) + " (rests at " + number(end) + ", off by " + number(Math.abs(v - end) / scaleOf(kind, at.n)) + " of its row)";
  }).join("; ");
};
const draw = () => { kinds.forEach(sheet); curve(); tell(); };
const point = (canvas, event) => {
  const box = canvas.getBoundingClientRect();
  at.t = clamp(view.t0 + Math.floor((event.clientX - box.left) / box.width * (view.t1 - view.t0)), view.t0, view.t1 - 1);
  if (canvas !== plot) at.n = clamp(view.n0 + Math.floor((box.bottom - event.clientY) / box.height * (view.n1 - view.n0)), view.n0, view.n1 - 1);
};
let waiting = false;
const soon = () => { if (!waiting) { waiting = true; requestAnimationFrame(() => { waiting = false; draw(); }); } };
for (const canvas of [...Object.values(canvases), plot]) {
  canvas.addEventListener("pointermove", event => { point(canvas, event); soon(); });
  canvas.addEventListener("wheel", event => { event.preventDefault(); point(canvas, event); zoom(event.shiftKey ? "n" : "t", event.deltaY < 0 ? 0.8 : 1.25); }, { passive: false });
  canvas.addEventListener("keydown", event => {
    const moves = { ArrowLeft: ["t", -1], ArrowRight: ["t", 1], ArrowUp: ["n", 1], ArrowDown: ["n", -1] }, zooms = { "+": ["t", 0.5], "=": ["t", 0.5], "-": ["t", 2], "<": ["n", 2], ">": ["n", 0.5] };
    if (moves[event.key]) {
      const [axis, by] = moves[event.key], most = axis === "t" ? T : N;
      at[axis] = clamp(at[axis] + by * (event.shiftKey ? 10 : 1), 0, most - 1);
      const [low, high] = axis === "t" ? ["t0", "t1"] : ["n0", "n1"], wide = view[high] - view[low];
      view[low] = clamp(view[low], at[axis] - wide + 1, at[axis]); view[high] = view[low] + wide;
      draw();
    } else if (zooms[event.key]) zoom(...zooms[event.key]);
    else if (event.key === "0") { view = { t0: 0, t1: T, n0: 0, n1: N }; draw(); }
    else return;
    event.preventDefault();
  });
}
addEventListener("resize", soon); dark.addEventListener("change", soon);
draw();
