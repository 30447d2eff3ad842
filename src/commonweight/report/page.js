"use strict";

// Beside every figure's SVG stands, as data, what a reader can point at in it (see interactive.py). Under the mouse, or by the
// arrow keys, the nearest point tells its numbers; a click, Enter or the list leaves only what belongs to that point's key.

const NEAR = 24; // units of the SVG
const FADED = 0.08;
const SVG = "http://www.w3.org/2000/svg";

function drawn(kind, attributes, parent) {
  const made = document.createElementNS(SVG, kind);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  parent.append(made);
  return made;
}

function share(value, [low, high], log) {
  return log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
}

class Figure {
  constructor(figure) {
    this.name = figure.dataset.figure;
    this.plot = figure.querySelector(".plot");
    this.svg = figure.querySelector("svg");
    this.told = figure.querySelector(".told");
    this.select = figure.querySelector("select");
    this.spec = JSON.parse(figure.querySelector("script").textContent);
    this.alone = null; // the key that is isolated
    this.at = null; // the point that is told: a part and the number of its point
    this.extra = drawn("g", { fill: "none", stroke: "currentColor", "stroke-width": 1.5 }, this.svg); // what is isolated
    this.ring = drawn("circle", { r: 5, fill: "none", stroke: "currentColor", "stroke-width": 1.5, visibility: "hidden" }, this.svg);
    this.list();
    this.plot.addEventListener("pointermove", (event) => this.point(event));
    this.plot.addEventListener("pointerleave", () => this.tell(null));
    this.plot.addEventListener("click", (event) => { this.point(event); this.toggle(); });
    this.plot.addEventListener("keydown", (event) => this.key(event));
    this.plot.addEventListener("blur", () => this.tell(null));
  }

  list() {
    const names = new Map(this.spec.parts.map(({ key, name }) => [key, name]));
    for (const [key, name] of names) this.select.append(new Option(name, key));
    this.select.addEventListener("change", () => this.isolate(this.select.selectedIndex ? this.select.value : null));
    this.select.parentElement.hidden = names.size < 2;
  }

  place(part, number, value = part.row ?? part.values[number], axes = this.spec.axes[part.axes]) {
    const x = this.spec.at[part.at][number];
    return [axes.left + share(x, axes.x, axes.log) * axes.width, axes.top + (1 - share(value, axes.y)) * axes.height];
  }

  seen() {
    return this.spec.parts.filter(({ key }) => this.alone === null || key === this.alone);
  }

  point({ clientX, clientY }) {
    const box = this.svg.getBoundingClientRect(), { width, height } = this.svg.viewBox.baseVal;
    const x = (clientX - box.x) * width / box.width, y = (clientY - box.y) * height / box.height;
    let best = null, least = NEAR;
    for (const part of this.seen()) {
      const { left, top, width: wide, height: high } = this.spec.axes[part.axes];
      if (x < left - 4 || x > left + wide + 4 || y < top - 4 || y > top + high + 4) continue;
      for (let number = 0; number < part.values.length; number++) {
        if (part.values[number] === null) continue;
        const [px, py] = this.place(part, number);
        const far = this.spec.across ? Math.abs(px - x) : Math.hypot(px - x, py - y);
        if (far < least) [best, least] = [{ part, number }, far];
      }
    }
    this.tell(best);
  }

  tell(at) {
    this.at = at;
    this.told.hidden = at === null;
    const value = at?.part.values[at.number] ?? null; // null in a gap too
    this.ring.setAttribute("visibility", value === null ? "hidden" : "visible");
    if (at === null) return;
    const { part, number } = at, { x, y, origin } = this.spec, place = this.spec.at[part.at][number];
    const counted = origin === null ? place : (place - origin.at) * (origin.down ? -1 : 1);
    const lines = [part.name, ...part.told];
    if (!this.spec.across) lines.push(`${x}: ${+counted.toPrecision(6)}`, `${y}: ${value ?? "undefined"}`);
    if (part.low?.length) lines.push(`band: ${part.low[number]} … ${part.high[number]}`);
    const text = lines.join("\n");
    if (this.told.textContent !== text) this.told.textContent = text;
    const [px, py] = this.place(part, number), { width, height } = this.svg.viewBox.baseVal;
    this.ring.setAttribute("cx", px);
    this.ring.setAttribute("cy", py);
    const side = px > width / 2 ? "right" : "left", edge = py > height / 2 ? "bottom" : "top";
    for (const each of ["left", "right", "top", "bottom"]) this.told.style[each] = "auto";
    this.told.style[side] = `${100 * (side === "left" ? px : width - px) / width + 2}%`;
    this.told.style[edge] = `${100 * (edge === "top" ? py : height - py) / height + 2}%`;
  }

  toggle() {
    if (this.at === null) return this.isolate(null);
    const { key } = this.at.part;
    return this.isolate(key === this.alone ? null : key);
  }

  isolate(key) {
    this.alone = key;
    this.select.selectedIndex = key === null ? 0 : [...this.select.options].findIndex((one, place) => place && one.value === key);
    const seen = new Set(this.seen().map(({ part }) => part));
    for (const { part } of this.spec.parts) {
      if (part === null) continue;
      for (const one of this.svg.querySelectorAll(`.${part}`)) one.style.opacity = seen.has(part) ? "" : FADED;
    }
    this.extra.replaceChildren();
    if (key !== null) this.seen().forEach((part) => this.outline(part));
  }

  outline(part) { // a row of a heat map is framed and drawn as a line, a point that shares its class with others is ringed
    if (part.row) {
      const axes = this.spec.axes[part.axes], [, y] = this.place(part, 0), row = Math.abs(axes.height / (axes.y[1] - axes.y[0]));
      drawn("rect", { x: axes.left, y: y - row / 2, width: axes.width, height: row, stroke: "#fefefe" }, this.extra);
      const known = part.values.map((value, number) => [value, number]).filter(([value]) => value !== null);
      const points = known.map(([value, number]) => this.place(part, number, value, this.spec.axes[this.spec.lines]));
      drawn("polyline", { points: points.join(" ") }, this.extra);
    } else if (part.values.length === 1 && !this.spec.across) {
      const [cx, cy] = this.place(part, 0);
      drawn("circle", { cx, cy, r: 9 }, this.extra);
    }
  }

  key(event) {
    const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (steps) this.step(...steps);
    else if (event.key === "Enter" && this.at) this.toggle();
    else if (event.key === "Escape") this.isolate(null);
    else return;
    event.preventDefault();
  }

  step(parts, points) {
    const seen = this.seen();
    if (!seen.length) return undefined;
    if (!seen.includes(this.at?.part)) return this.tell({ part: seen[0], number: 0 });
    const { part, number } = this.at;
    const next = seen[Math.min(Math.max(seen.indexOf(part) + parts, 0), seen.length - 1)];
    const alike = next.at === part.at ? number : Math.min(number, next.values.length - 1);
    const last = next.values.length - 1;
    if (points && last === 0) return this.step(points, 0); // boxes and points have one each
    return this.tell({ part: next, number: Math.min(Math.max(alike + points, 0), last) });
  }
}

const figures = [...document.querySelectorAll("figure[data-figure]")].map((figure) => new Figure(figure));
const contents = document.querySelector("nav details");
if (!matchMedia("(min-width: 64rem)").matches) contents.open = false;
