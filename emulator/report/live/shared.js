const data = JSON.parse(document.getElementById("data").textContent);
const page = document.getElementById("page");
const color = name => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
const dark = matchMedia("(prefers-color-scheme: dark)");
const make = (tag, parent, text, more) => {
  const one = Object.assign(document.createElement(tag), more || {});
  if (text !== undefined && text !== null) one.textContent = text;  // never markup
  parent.append(one);
  return one;
};
const choice = (parent, name, options, changed) => {
  const label = make("label", parent, name), box = make("select", label);
  box.setAttribute("aria-label", name);
  options.forEach((text, k) => make("option", box, text, { value: k }));
  box.addEventListener("change", () => changed(+box.value));
  return box;
};
const button = (parent, name, pressed) => make("button", parent, name, { type: "button", onclick: pressed });
const number = value => value === null || !Number.isFinite(value) ? "none" : Math.abs(value) >= 1e4 || (value && Math.abs(value) < 1e-3)
  ? value.toExponential(3) : String(+value.toPrecision(4));
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const surface = (parent, label, height) => {
  const canvas = make("canvas", parent, null, { tabIndex: 0 });
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", label);
  canvas.style.height = height + "px";
  return canvas;
};
const ready = canvas => {
  const ratio = devicePixelRatio || 1, wide = canvas.clientWidth, tall = canvas.clientHeight;
  canvas.width = Math.round(wide * ratio); canvas.height = Math.round(tall * ratio);
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio); pen.font = "12px system-ui, sans-serif";
  return [pen, wide, tall];
};
