"use strict";

// Every figure is data in a script element beside its place; it is drawn when it comes near the window. A click on a
// curve, a name below it or in the list leaves only that one; again, or a double click, brings all back.

const FADED = 0.07;
const figures = [];

function spec(figure) {
  return JSON.parse(figure.querySelector("script[type='application/json']").textContent);
}

function element(kind, text, parent) {
  const made = document.createElement(kind);
  made.textContent = text;
  parent.append(made);
  return made;
}

function same(some, others) {
  return JSON.stringify(some) === JSON.stringify(others);
}

class Drawing {
  constructor(figure) {
    this.figure = figure;
    this.plot = figure.querySelector(".plot");
    this.drawn = null; // the promise that it is drawn, once it has begun
    this.alone = null; // the keys that are isolated
    this.updates = []; // told the keys that are isolated, each time
  }

  draw() {
    this.drawn ??= this.begin();
    return this.drawn;
  }

  async begin() {
    this.spec = spec(this.figure);
    this.controls();
    const touch = matchMedia("(pointer: coarse)").matches;
    const layout = {
      ...this.spec.layout,
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: "system-ui, sans-serif", size: 12, color: "#1b1d22" },
      hoverlabel: { bgcolor: "#ffffff", bordercolor: "#1b1d22", font: { color: "#1b1d22" }, align: "left" },
      dragmode: touch ? false : "zoom", // a finger scrolls the page
    };
    for (const axis of ["xaxis", "yaxis"]) {
      layout[axis] = { gridcolor: "#d5d8de", zeroline: false, linecolor: "#5a606b", showline: true, ...layout[axis] };
    }
    const options = { responsive: true, displaylogo: false, displayModeBar: false };
    await Plotly.newPlot(this.plot, this.spec.data, layout, options);
    let doubled = false; // a double click ends with a click of its own
    this.plot.on("plotly_doubleclick", () => {
      doubled = true;
      setTimeout(() => { doubled = false; }, 50);
      this.isolate(null);
    });
    this.plot.on("plotly_click", ({ points }) => {
      if (doubled || !points.length) return;
      const { curveNumber, pointNumber } = points[0];
      const key = this.spec.keys[curveNumber];
      this.toggle([Array.isArray(key) ? key[pointNumber] : key]);
    });
  }

  toggle(keys) {
    return this.isolate(same(keys, this.alone) ? null : keys);
  }

  isolate(keys) {
    this.alone = keys;
    for (const update of this.updates) update(keys);
    const seen = (key) => (keys === null || keys.includes(key) ? 1 : FADED);
    const whole = this.spec.keys.map((key) => (Array.isArray(key) ? 1 : seen(key)));
    const points = this.spec.keys.map((key) => (Array.isArray(key) ? key.map(seen) : undefined));
    return Plotly.restyle(this.plot, { opacity: whole, "marker.opacity": points });
  }

  controls() {
    const place = this.figure.querySelector(".controls");
    this.names(place);
    if (this.spec.choices.length) this.list(place);
    if (this.spec.ranks.length) this.bar(place);
  }

  names(place) {
    for (const { name, keys, colour, dash } of this.spec.legend) {
      const button = element("button", "", place);
      button.type = "button";
      button.append(swatch(colour, dash));
      element("span", name, button);
      button.addEventListener("click", () => this.toggle(keys));
      this.updates.push((alone) => button.setAttribute("aria-pressed", String(same(keys, alone))));
    }
  }

  list(place) {
    const { choices } = this.spec;
    const select = element("select", "", element("label", "Show only ", place));
    element("option", "all", select).value = "-1";
    choices.forEach(({ name }, number) => { element("option", name, select).value = String(number); });
    select.addEventListener("change", () => this.isolate(choices[Number(select.value)]?.keys ?? null));
    this.updates.push((alone) => { select.value = String(choices.findIndex(({ keys }) => same(keys, alone))); });
  }

  bar(place) {
    const bar = element("span", "", place);
    bar.className = "bar";
    element("span", "ground-truth rank: 1 (best)", bar);
    element("i", "", bar).style.background = `linear-gradient(to right, ${this.spec.ranks.join(", ")})`;
    element("span", String(this.spec.ranks.length), bar);
  }
}

function swatch(colour, dash) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const [name, value] of [["width", 26], ["height", 10], ["aria-hidden", true]]) svg.setAttribute(name, value);
  const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
  const dashes = { solid: "", dot: "2 2", dash: "6 3", dashdot: "6 2 2 2", longdash: "10 3" }[dash];
  const look = { x1: 1, x2: 25, y1: 5, y2: 5, stroke: colour, "stroke-width": 3, "stroke-dasharray": dashes };
  for (const [name, value] of Object.entries(look)) line.setAttribute(name, value);
  svg.append(line);
  return svg;
}

function drawAll() {
  return Promise.all(figures.map((drawing) => drawing.draw()));
}

for (const figure of document.querySelectorAll("figure[data-figure]")) figures.push(new Drawing(figure));
if ("IntersectionObserver" in window) {
  const near = new IntersectionObserver((seen) => {
    for (const { isIntersecting, target } of seen) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      figures.find(({ figure }) => figure === target).draw();
    }
  }, { rootMargin: "600px" });
  for (const { figure } of figures) near.observe(figure);
} else {
  drawAll();
}
window.addEventListener("beforeprint", drawAll);
