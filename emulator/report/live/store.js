const names = Object.keys(data.columns);
let chosen = 0, x = names.indexOf(data.x), y = names.indexOf(data.y), range = null;
const tools = make("div", page, null, { className: "tools" });
choice(tools, "Across", names, k => { x = k; range = null; draw(); }).value = x;
choice(tools, "Up", names, k => { y = k; range = null; draw(); }).value = y;
choice(tools, "Point", data.points.map((p, k) => k + ": " + p.status), k => { chosen = k; draw(); });
button(tools, "Zoom +", () => zoom(0.5)); button(tools, "Zoom −", () => zoom(2)); button(tools, "All", () => { range = null; draw(); });
const told = make("output", page); told.setAttribute("aria-live", "polite");
const figure = make("figure", page), plot = surface(figure, "points of the study; arrow keys go from point to point, + and - zoom, 0 shows all", 420);
make("figcaption", figure, "Disc: settled; cross: not settled; square: failed. Hover or use the arrow keys for every value of a point.");
const levels = names.map(name => {
  const column = data.columns[name];
  return column.every(v => v === null || typeof v === "number") ? null : [...new Set(column.map(String))];
});
const place = (k, p) => { const v = data.columns[names[k]][p]; return levels[k] ? levels[k].indexOf(String(v)) : v; };
const extent = k => {
  const found = data.points.map((_, p) => place(k, p)).filter(Number.isFinite);
  const low = found.length ? Math.min(...found) : 0, high = found.length ? Math.max(...found) : 1;
  return high > low ? [low, high] : [low - 0.5, low + 0.5];
};
const whole = () => [extent(x), extent(y)];
const zoom = factor => {
  const old = range || whole();
  range = [x, y].map((k, axis) => {
    const [low, high] = old[axis], middle = Number.isFinite(place(k, chosen)) ? place(k, chosen) : (low + high) / 2, half = (high - low) * factor / 2;
    return [middle - half, middle + half];
  });
  draw();
};
let spots = [];
const draw = () => {
  const [pen, wide, tall] = ready(plot), [across, up] = range || whole(), edge = 26;
  spots = data.points.map((_, p) => [place(x, p), place(y, p)]).map(([a, b]) => Number.isFinite(a) && Number.isFinite(b)
    ? [edge + (a - across[0]) / (across[1] - across[0]) * (wide - 2 * edge), tall - edge - (b - up[0]) / (up[1] - up[0]) * (tall - 2 * edge)] : null);
  pen.lineWidth = 2;
  spots.forEach((spot, p) => {
    if (!spot) return;
    const [a, b] = spot, status = data.points[p].status;
    pen.strokeStyle = pen.fillStyle = color(status === "settled" ? "state" : "costate");
    pen.beginPath();
    if (status === "settled") { pen.arc(a, b, 5, 0, 7); pen.fill(); }
    else if (status === "failed") pen.strokeRect(a - 4, b - 4, 8, 8);
    else { pen.moveTo(a - 4, b - 4); pen.lineTo(a + 4, b + 4); pen.moveTo(a + 4, b - 4); pen.lineTo(a - 4, b + 4); pen.stroke(); }
  });
  const spot = spots[chosen];
  pen.strokeStyle = "#e69f00";
  if (spot) { pen.beginPath(); pen.arc(spot[0], spot[1], 10, 0, 7); pen.stroke(); }
  pen.fillStyle = color("ink");
  const end = (k, v) => levels[k] ? (levels[k][Math.round(v)] || "").slice(0, 24) : number(v);
  pen.fillText(names[y] + ": " + end(y, up[0]) + " to " + end(y, up[1]), 6, 14);
  const words = names[x] + ": " + end(x, across[0]) + " to " + end(x, across[1]);
  pen.fillText(words, Math.max(6, wide - 6 - pen.measureText(words).width), tall - 7);
  const point = data.points[chosen];
  told.textContent = point ? "point " + chosen + ", " + point.status + (point.reason ? " (" + point.reason + ")" : "") + ": " + names.map(
    name => { const v = data.columns[name][chosen]; return name + " " + (typeof v === "string" ? v : number(v)); }).join("; ") : "no point is finished yet";
};
plot.addEventListener("pointermove", event => {
  const box = plot.getBoundingClientRect(); let best = Infinity;
  spots.forEach((spot, p) => {
    const far = spot ? Math.hypot(spot[0] - event.clientX + box.left, spot[1] - event.clientY + box.top) : Infinity;
    if (far < best) { best = far; chosen = p; }
  });
  draw();
});
plot.addEventListener("wheel", event => { event.preventDefault(); zoom(event.deltaY < 0 ? 0.8 : 1.25); }, { passive: false });
plot.addEventListener("keydown", event => {
  const by = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
  if (by) { chosen = clamp(chosen + by, 0, Math.max(0, data.points.length - 1)); draw(); }
  else if (event.key === "+" || event.key === "=") zoom(0.5);
  else if (event.key === "-") zoom(2);
  else if (event.key === "0") { range = null; draw(); }
  else return;
  event.preventDefault();
});
addEventListener("resize", draw); dark.addEventListener("change", draw);
draw();
