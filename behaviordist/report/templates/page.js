// The script of a report's page: maps to touch, tables to sort. Everything stands without it.
// Text reaches the page through textContent and canvas alone.
// biome-ignore lint/suspicious/noRedundantUseStrict: a classic script, not a module
"use strict";
(() => {
  const STATES = ["", "apart", "the same", "undecided", "missing"];
  const SAME = 2;
  const UNDECIDED = 3;
  const LARGEST_CELL = 84;
  const LONGEST_COLUMN = 118;
  const CLOSEST = 64;

  // ---- numbers and nodes -------------------------------------------------------------------

  function bytes(text) {
    return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  }

  function shown(value) {
    if (Number.isNaN(value)) return "–";
    if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
    if (value === 0) return "0";
    const size = Math.abs(value);
    const text = size >= 1000 || size < 0.001 ? value.toPrecision(3) : value.toFixed(size < 10 ? 3 : 1);
    return text.replace("-", "−");
  }

  function node(tag, text, attributes = {}) {
    const made = document.createElement(tag);
    if (text) made.textContent = text;
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  }

  function button(text, label, act) {
    const made = node("button", text, { type: "button", "aria-label": label, title: label });
    made.addEventListener("click", act);
    return made;
  }

  function choice(label, names, act) {
    const whole = node("label", `${label} `);
    const list = node("select");
    for (const [k, name] of names.entries()) list.append(node("option", name, { value: String(k) }));
    list.addEventListener("change", () => act(Number(list.value)));
    whole.append(list);
    return whole;
  }

  // ---- data --------------------------------------------------------------------------------

  function layerOf(data, raw) {
    const rows = data.rows.length;
    const columns = (data.columns || data.rows).length;
    const table = (text) => text && new Float32Array(bytes(text).buffer);
    const values = table(raw.values);
    const low = table(raw.low);
    const high = table(raw.high);
    const states = raw.states && bytes(raw.states);
    const place = (i, j) => {
      if (!raw.symmetric) return i * columns + j;
      const [a, b] = i < j ? [i, j] : [j, i];
      return a * rows - (a * (a + 1)) / 2 + b - a - 1;
    };
    let least = Infinity;
    let largest = -Infinity;
    const own = raw.symmetric || data.columns ? 0 : columns + 1;
    for (const [k, value] of values.entries()) {
      if (!Number.isFinite(value) || (own && k % own === 0)) continue;
      least = Math.min(least, value);
      largest = Math.max(largest, value);
    }
    return {
      ...raw,
      least,
      largest,
      value: (i, j) => values[place(i, j)],
      state: (i, j) => (states ? states[place(i, j)] : 0),
      said: (i, j) => (raw.words?.[`${i},${j}`]) || STATES[states ? states[place(i, j)] : 0],
      interval(i, j) {
        if (!low) return "";
        const [from, to] = [low[place(i, j)], high[place(i, j)]];
        return Number.isFinite(from) && Number.isFinite(to) ? ` [${shown(from)}, ${shown(to)}]` : "";
      },
    };
  }

  // ---- one map -----------------------------------------------------------------------------

  class MatrixMap {
    constructor(frame) {
      const data = JSON.parse(frame.querySelector("script[type='application/json']").textContent);
      this.data = data;
      this.names = [data.rows, data.columns || data.rows];
      this.square = !data.columns;
      this.layers = data.layers.map((raw) => layerOf(data, raw));
      this.layer = this.layers[0];
      this.order = this.square && data.order ? data.order : data.rows.map((_, k) => k);
      this.across = this.square ? this.order : this.names[1].map((_, k) => k);
      this.zoom = 1;
      this.offset = [0, 0];
      this.at = null;
      this.whole = false;
      this.grouping = Object.keys(data.groups)[0] || "";
      this.groupColours = this.coloursOf(this.grouping);
      this.live = frame.querySelector(".map-live");
      this.build();
      this.arrange();
      frame.classList.add("ready");
      new ResizeObserver(() => this.draw()).observe(this.view);
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    }

    build() {
      this.view = node("div", "", { class: "map-view" });
      this.canvas = node("canvas", "", {
        tabindex: "0",
        role: "application",
        "aria-label": `${this.live.dataset.title}: cells, moved through with the arrow keys`,
      });
      this.tip = node("div", "", { class: "map-tip", hidden: "" });
      this.say = node("p", "", { class: "map-say", role: "status" });
      this.side = node("div", "", { class: "map-side" });
      this.view.append(this.canvas, this.tip);
      const main = node("div", "", { class: "map-main" });
      main.append(this.toolbar(), this.view, this.say);
      this.live.append(main, this.side);
      this.listen();
    }

    toolbar() {
      const bar = node("div", "", { class: "map-tools", role: "group", "aria-label": "Map" });
      if (this.layers.length > 1) {
        const names = this.layers.map((layer) => layer.name);
        bar.append(choice("Show", names, (k) => this.show(k)));
      }
      const kept = Object.keys(this.data.groups);
      if (this.square) {
        const skipped = this.data.order ? 0 : 1;
        const orders = ["clustered", "as given", "by name", ...kept.map((name) => `by ${name}`)].slice(skipped);
        bar.append(choice("Order", orders, (k) => this.sort(k + skipped, kept)));
      }
      if (kept.length > 1) {
        bar.append(choice("Colour names by", kept, (k) => this.group(kept[k])));
      }
      const filter = node("input", "", { type: "search", placeholder: "filter names", "aria-label": "Filter names" });
      filter.addEventListener("input", () => this.filter(filter.value));
      bar.append(filter);
      if (this.layers.some((layer) => layer.most)) {
        const box = node("label", "");
        const tick = node("input", "", { type: "checkbox" });
        tick.addEventListener("change", () => this.full(tick.checked));
        box.append(tick, " full range");
        bar.append(box);
      }
      const zoom = node("span", "", { class: "map-zoom" });
      zoom.append(
        button("−", "Zoom out", () => this.scale(0.5)),
        button("+", "Zoom in", () => this.scale(2)),
        button("Fit", "Show the whole map", () => this.fit()),
      );
      bar.append(zoom);
      return bar;
    }

    // What is chosen.

    show(k) {
      this.layer = this.layers[k];
      this.tell("");
      this.arrange();
    }

    group(name) {
      this.grouping = name;
      this.groupColours = this.coloursOf(name);
      this.draw();
    }

    full(whole) {
      this.whole = whole;
      this.arrange();
    }

    sort(k, kept) {
      const rows = this.data.rows;
      const given = rows.map((_, i) => i);
      const clustered = this.data.order || given;
      const by = (key) => [...clustered].sort((a, b) => key(a).localeCompare(key(b)));
      if (k === 0) this.order = clustered;
      else if (k === 1) this.order = given;
      else if (k === 2) this.order = by((i) => rows[i]);
      else {
        this.group(kept[k - 3]);
        this.order = by((i) => String(this.data.groups[kept[k - 3]][i]));
      }
      this.across = this.order;
      this.arrange();
    }

    sortFrom(i) {
      const far = (j) => {
        const value = this.square && i === j ? -Infinity : this.layer.value(i, j);
        return Number.isNaN(value) ? Infinity : value;
      };
      this.across = this.names[1].map((_, k) => k).sort((a, b) => far(a) - far(b) || a - b);
      if (this.square) this.order = this.across;
      this.arrange();
      this.tell(`Sorted by distance from ${this.names[0][i]}.`);
    }

    filter(text) {
      const word = text.trim().toLowerCase();
      const group = (i) => Object.values(this.data.groups).map((of) => of[i]).join(" ");
      const keeps = (name, i) => `${name} ${this.square ? group(i) : ""}`.toLowerCase().includes(word);
      this.hidden = word ? keeps : null;
      this.arrange();
      if (word) this.tell(`${this.rows.length} of ${this.names[0].length} names match.`);
    }

    scale(by) {
      this.zoom = Math.min(CLOSEST, Math.max(1, this.zoom * by));
      this.draw();
    }

    fit() {
      this.zoom = 1;
      this.offset = [0, 0];
      this.draw();
    }

    arrange() {
      const keep = (names) => (i) => !this.hidden || this.hidden(names[i], i);
      this.rows = this.order.filter(keep(this.names[0]));
      this.columns = this.square ? this.rows : this.across;
      this.image = null;
      this.at = null;
      this.offset = [0, 0];
      this.draw();
      this.overview();
    }

    // Geometry of the drawing.

    measure(context) {
      const width = this.view.clientWidth || 600;
      const longest = (names, kept, most) =>
        Math.min(most, Math.max(24, ...kept.slice(0, 400).map((i) => context.measureText(names[i]).width)) + 8);
      context.font = this.font;
      const strip = this.grouping ? 12 : 0;
      const tall = Math.max(300, Math.min(640, window.innerHeight * 0.68));
      this.strip = strip;
      this.left = longest(this.names[0], this.rows, width * 0.34) + strip;
      const room = width - this.left - 2;
      const n = [this.columns.length || 1, this.rows.length || 1];
      const wide = Math.min(LARGEST_CELL, room / n[0]);
      const flat = this.columns.every((i) => context.measureText(this.names[1][i]).width < wide - 6);
      this.flat = flat;
      this.top = (flat ? 20 : longest(this.names[1], this.columns, LONGEST_COLUMN)) + strip;
      this.base = Math.max(Math.min(wide, Math.max(tall - this.top, 120) / n[1]), 0.05);
      this.cell = this.base * this.zoom;
      this.width = width;
      this.size = [Math.min(room, this.base * n[0]), this.base * n[1]];
      if (this.zoom > 1) this.size = [room, Math.max(this.size[1], Math.min(tall - this.top, room))];
      this.height = Math.ceil(this.top + this.size[1] + 2);
      n.forEach((count, k) => {
        const most = Math.max(0, count * this.cell - this.size[k]);
        this.offset[k] = Math.min(most, Math.max(0, this.offset[k]));
      });
    }

    colours() {
      const dark = matchMedia("(prefers-color-scheme: dark)").matches;
      const kind = (dark ? "dark" : "light") + (this.layer.diverging ? "Diverging" : "");
      const look = getComputedStyle(document.documentElement);
      const read = (name) => look.getPropertyValue(name).trim();
      return {
        stops: this.data.palettes[kind].map(rgb),
        ink: read("--ink"),
        soft: read("--soft"),
        page: read("--page"),
        missing: rgb(read("--missing")),
        same: rgb(read("--diagonal")),
        accent: read("--focus"),
        dark,
      };
    }

    range() {
      const { layer } = this;
      if (layer.diverging) {
        const size = Math.max(Math.abs(layer.least), Math.abs(layer.largest)) || 1;
        return [-size, size];
      }
      if (!(layer.largest >= layer.least)) return [0, 1];
      if (this.whole && layer.most) return [0, layer.most];
      return layer.largest > layer.least ? [layer.least, layer.largest] : [0, layer.largest || 1];
    }

    paint(colours) {
      const [from, to] = this.range();
      const picture = new ImageData(Math.max(1, this.columns.length), Math.max(1, this.rows.length));
      let k = 0;
      for (const i of this.rows) {
        for (const j of this.columns) {
          const value = this.square && i === j ? 0 : this.layer.value(i, j);
          let colour = colours.missing;
          if (this.square && i === j) colour = colours.same;
          else if (value === Infinity) colour = colours.stops[colours.stops.length - 1];
          else if (Number.isFinite(value)) colour = mix(colours.stops, (value - from) / (to - from));
          picture.data.set([colour[0], colour[1], colour[2], 255], k);
          k += 4;
        }
      }
      const sheet = document.createElement("canvas");
      sheet.width = picture.width;
      sheet.height = picture.height;
      sheet.getContext("2d").putImageData(picture, 0, 0);
      this.image = sheet;
      this.painted = colours.dark;
    }

    draw() {
      const context = this.canvas.getContext("2d");
      this.font = `12px ${getComputedStyle(document.body).fontFamily}`;
      this.measure(context);
      const colours = this.colours();
      if (!this.image || this.painted !== colours.dark) this.paint(colours);
      const dense = window.devicePixelRatio || 1;
      this.canvas.width = Math.round(this.width * dense);
      this.canvas.height = Math.round(this.height * dense);
      this.canvas.style.height = `${this.height}px`;
      context.setTransform(dense, 0, 0, dense, 0, 0);
      context.clearRect(0, 0, this.width, this.height);
      this.cells(context, colours);
      this.labels(context, colours);
      this.focusRing(context, colours);
      this.view.classList.toggle("zoomed", this.zoom > 1);
    }

    visible(axis) {
      const count = axis ? this.rows.length : this.columns.length;
      const first = Math.max(0, Math.floor(this.offset[axis] / this.cell));
      return [first, Math.min(count, Math.ceil((this.offset[axis] + this.size[axis]) / this.cell))];
    }

    spot(column, row) {
      return [this.left + column * this.cell - this.offset[0], this.top + row * this.cell - this.offset[1]];
    }

    cells(context, colours) {
      context.save();
      context.beginPath();
      context.rect(this.left, this.top, this.size[0], this.size[1]);
      context.clip();
      const [x, y] = this.spot(0, 0);
      context.imageSmoothingEnabled = this.cell < 1;
      context.drawImage(this.image, x, y, this.columns.length * this.cell, this.rows.length * this.cell);
      if (this.cell >= 7) this.signs(context, colours);
      context.restore();
    }

    signs(context, colours) {
      const [left, right] = this.visible(0);
      const [top, bottom] = this.visible(1);
      const numbered = this.cell >= 38;
      context.font = this.font.replace("12px", this.cell > 60 ? "14px" : "12px");
      context.textAlign = "center";
      context.textBaseline = "middle";
      context.lineWidth = 1;
      for (let r = top; r < bottom; r += 1) {
        for (let c = left; c < right; c += 1) {
          const [i, j] = [this.rows[r], this.columns[c]];
          const [x, y] = this.spot(c, r);
          context.strokeStyle = colours.page;
          context.strokeRect(x, y, this.cell, this.cell);
          if (this.square && i === j) continue;
          const value = this.layer.value(i, j);
          const ink = light(this.colourOf(value, colours)) ? "#1d2025" : "#ffffff";
          const marked = this.layer.words?.[`${i},${j}`] ? UNDECIDED : this.layer.state(i, j);
          this.sign(context, marked, x, y, numbered, ink);
          if (numbered && !Number.isNaN(value)) {
            context.fillStyle = ink;
            context.fillText(shown(value), x + this.cell / 2, y + this.cell / 2 + 1);
          }
        }
      }
    }

    colourOf(value, colours) {
      if (Number.isNaN(value)) return colours.missing;
      const [from, to] = this.range();
      return mix(colours.stops, Number.isFinite(value) ? (value - from) / (to - from) : 1);
    }

    sign(context, state, x, y, numbered, ink) {
      if (state !== SAME && state !== UNDECIDED) return;
      const [across, down, size] = numbered ? [0.84, 0.17, 0.07] : [0.5, 0.5, 0.2];
      context.beginPath();
      context.arc(x + this.cell * across, y + this.cell * down, Math.max(1.5, this.cell * size), 0, 7);
      context.strokeStyle = ink;
      context.fillStyle = ink;
      if (state === SAME) context.fill();
      context.stroke();
    }

    labels(context, colours) {
      context.font = this.font;
      context.textBaseline = "middle";
      for (const axis of [1, 0]) {
        const [first, last] = this.visible(axis);
        const kept = axis ? this.rows : this.columns;
        const names = this.names[axis ? 0 : 1];
        const every = Math.max(1, Math.ceil(13 / this.cell));
        for (let k = first; k < last; k += 1) {
          const [x, y] = this.spot(axis ? 0 : k, axis ? k : 0);
          const middle = (axis ? y : x) + this.cell / 2;
          const edge = axis ? this.top : this.left;
          if (middle < edge || middle > edge + this.size[axis]) continue;
          if (this.grouping) this.patch(context, axis, kept[k], axis ? y : x);
          if (k % every) continue;
          const on = this.at && this.at[axis ? 0 : 1] === kept[k];
          context.fillStyle = on ? colours.accent : colours.ink;
          this.label(context, axis, names[kept[k]], middle);
        }
      }
    }

    label(context, axis, name, middle) {
      const room = (axis ? this.left : this.top) - this.strip - 8;
      if (!axis && this.flat) {
        context.textAlign = "center";
        context.fillText(name, middle, this.top - this.strip - 9);
        return;
      }
      const text = shorten(context, name, room);
      context.textAlign = axis ? "right" : "left";
      if (axis) {
        context.fillText(text, this.left - this.strip - 6, middle);
        return;
      }
      context.save();
      context.translate(middle, this.top - this.strip - 6);
      context.rotate(-Math.PI / 2);
      context.fillText(text, 0, 0);
      context.restore();
    }

    kinds(grouping) {
      const [rows, columns] = [this.data.groups, this.data.columnGroups].map((of) => of[grouping] || []);
      return [...new Set([...rows, ...columns])];
    }

    // Group -> colour. Colours run on from one grouping to the next, as they do in the picture file.
    coloursOf(grouping) {
      const kept = Object.keys(this.data.groups);
      const before = kept.slice(0, kept.indexOf(grouping));
      const first = before.reduce((sum, name) => sum + this.kinds(name).length, 0);
      const colours = this.data.groupColours;
      return new Map(this.kinds(grouping).map((kind, k) => [kind, colours[(first + k) % colours.length]]));
    }

    patch(context, axis, i, start) {
      const of = (!axis && this.data.columnGroups[this.grouping]) || this.data.groups[this.grouping];
      context.fillStyle = this.groupColours.get(of[i]);
      const [from, edge] = axis ? [this.top, this.left] : [this.left, this.top];
      const low = Math.max(start, from);
      const high = Math.min(start + this.cell, from + this.size[axis]);
      const thick = this.strip - 5;
      if (axis) context.fillRect(edge - thick - 2, low, thick, high - low);
      else context.fillRect(low, edge - thick - 2, high - low, thick);
    }

    focusRing(context, colours) {
      if (!this.at) return;
      const [c, r] = [this.columns.indexOf(this.at[1]), this.rows.indexOf(this.at[0])];
      const [x, y] = this.spot(c, r);
      context.save();
      context.beginPath();
      context.rect(this.left - 2, this.top - 2, this.size[0] + 4, this.size[1] + 4);
      context.clip();
      context.strokeStyle = colours.accent;
      context.lineWidth = 2.5;
      context.strokeRect(x, y, this.cell, this.cell);
      context.restore();
    }

    // Touch.

    listen() {
      const { canvas } = this;
      let drag = null;
      canvas.addEventListener("pointerdown", (event) => {
        drag = { x: event.clientX, y: event.clientY, offset: [...this.offset], moved: false };
      });
      canvas.addEventListener("pointermove", (event) => {
        if (drag && event.buttons && this.zoom > 1) {
          const gone = [event.clientX - drag.x, event.clientY - drag.y];
          if (Math.hypot(...gone) > 4) drag.moved = true;
          this.offset = drag.offset.map((value, k) => value - gone[k]);
          this.draw();
          return;
        }
        this.hover(event);
      });
      canvas.addEventListener("pointerleave", () => this.hideTip());
      canvas.addEventListener("click", (event) => {
        if (!drag || !drag.moved) this.press(event);
        drag = null;
      });
      canvas.addEventListener("wheel", (event) => {
        if (!event.ctrlKey) return;
        event.preventDefault();
        this.scale(event.deltaY < 0 ? 1.25 : 0.8);
      }, { passive: false });
      canvas.addEventListener("keydown", (event) => this.key(event));
      canvas.addEventListener("focus", () => {
        if (!this.at && canvas.matches(":focus-visible")) this.move(0, 0);
      });
    }

    under(event) {
      const box = this.canvas.getBoundingClientRect();
      const [x, y] = [event.clientX - box.left, event.clientY - box.top];
      const c = Math.floor((x - this.left + this.offset[0]) / this.cell);
      const r = Math.floor((y - this.top + this.offset[1]) / this.cell);
      const inside = [x >= this.left, y >= this.top];
      return { x, y, inside, i: this.rows[r], j: this.columns[c] };
    }

    hover(event) {
      const spot = this.under(event);
      if (!spot.inside[0] && spot.inside[1] && spot.i !== undefined) {
        this.showTip(spot, [this.names[0][spot.i], "click: sort from here"]);
      } else if (spot.inside[0] && spot.inside[1] && spot.i !== undefined && spot.j !== undefined) {
        this.showTip(spot, this.words(spot.i, spot.j));
      } else this.hideTip();
    }

    press(event) {
      const spot = this.under(event);
      if (!spot.inside[1] && spot.j !== undefined && this.square) this.sortFrom(spot.j);
      else if (!spot.inside[0] && spot.i !== undefined) this.sortFrom(spot.i);
      else if (spot.i !== undefined && spot.j !== undefined) this.select(spot.i, spot.j);
    }

    key(event) {
      const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
      if (steps[event.key]) this.move(...steps[event.key]);
      else if (event.key === "Enter" && this.at) this.select(...this.at);
      else if (event.key === "s" && this.at) this.sortFrom(this.at[0]);
      else if (event.key === "+") this.scale(2);
      else if (event.key === "-") this.scale(0.5);
      else if (event.key === "Escape") this.clear();
      else return;
      event.preventDefault();
    }

    move(down, across) {
      if (!this.rows.length || !this.columns.length) return;
      const [i, j] = this.at || [this.rows[0], this.columns[0]];
      const bound = (k, n) => Math.min(n - 1, Math.max(0, k));
      const r = bound(this.rows.indexOf(i) + down, this.rows.length);
      const c = bound(this.columns.indexOf(j) + across, this.columns.length);
      this.at = [this.rows[r], this.columns[c]];
      [c, r].forEach((k, axis) => {
        const start = k * this.cell;
        if (start < this.offset[axis]) this.offset[axis] = start;
        const over = start + this.cell - this.size[axis];
        if (over > this.offset[axis]) this.offset[axis] = over;
      });
      this.draw();
      this.tell(this.words(...this.at).join(": "));
    }

    clear() {
      this.at = null;
      this.draw();
      this.overview();
      this.tell("");
    }

    words(i, j) {
      const [a, b] = [this.names[0][i], this.names[1][j]];
      if (this.square && i === j) return [a, "itself"];
      const state = this.layer.said(i, j);
      const value = `${shown(this.layer.value(i, j))}${this.layer.interval(i, j)}`;
      return [`${a} ${this.layer.symmetric ? "–" : "→"} ${b}`, value + (state ? `, ${state}` : "")];
    }

    tell(text) {
      this.say.textContent = text;
    }

    showTip(spot, lines) {
      this.tip.replaceChildren(...lines.map((line, k) => node(k ? "span" : "b", line)));
      this.tip.hidden = false;
      const right = Math.max(0, this.width - this.tip.offsetWidth - 4);
      this.tip.style.left = `${Math.min(spot.x + 14, right)}px`;
      this.tip.style.top = `${Math.max(0, spot.y - this.tip.offsetHeight - 10)}px`;
    }

    hideTip() {
      this.tip.hidden = true;
    }

    // Beside the map.

    select(i, j) {
      this.at = [i, j];
      this.draw();
      this.hideTip();
      const [names, value] = this.words(i, j);
      const panel = node("section", "", { class: "map-panel", "aria-label": `Pair: ${names}` });
      panel.append(node("h4", names), node("p", value, { class: "map-value" }));
      const rows = this.layers
        .filter((layer) => layer !== this.layer && !(this.square && i === j))
        .map((layer) => [layer.name, `${shown(layer.value(i, j))}${layer.interval(i, j)}`]);
      if (!this.layer.symmetric && this.square && i !== j) {
        rows.unshift(["the other way", `${shown(this.layer.value(j, i))}${this.layer.interval(j, i)}`]);
      }
      if (rows.length) panel.append(table(["also", "value"], rows));
      const more = this.data.pairs[i < j ? `${i},${j}` : `${j},${i}`];
      for (const part of more || []) {
        panel.append(node("h5", part.title), table(part.header, part.rows));
      }
      const back = button("Back to the overview", "Back to the overview", () => this.clear());
      panel.append(back);
      this.side.replaceChildren(this.legend(), panel);
      this.tell(`${names}: ${value}`);
    }

    overview() {
      this.side.replaceChildren(this.legend());
      const ranked = this.ranked();
      if (!ranked.length) return;
      const list = (title, pairs) => {
        const part = node("section", "", { class: "map-panel" });
        part.append(node("h4", title));
        const items = node("ol");
        for (const [i, j] of pairs) {
          const [names, value] = this.words(i, j);
          const item = node("li");
          const press = node("button", "", { type: "button" });
          press.append(node("span", names), node("b", value));
          press.addEventListener("click", () => this.select(i, j));
          item.append(press);
          items.append(item);
        }
        part.append(items);
        return part;
      };
      const far = this.layer.unit.includes("distance");
      const few = ranked.length < 6 ? Math.max(1, Math.floor(ranked.length / 2)) : 3;
      const [first, last] = [ranked.slice(0, few), ranked.slice(-few).reverse()];
      this.side.append(list(far ? "Nearest" : "Smallest", first));
      if (ranked.length > 1) this.side.append(list(far ? "Farthest" : "Largest", last));
    }

    ranked() {
      const pairs = [];
      this.rows.forEach((i, r) => {
        const from = this.layer.symmetric ? r + 1 : 0;
        for (let c = from; c < this.columns.length; c += 1) {
          const j = this.columns[c];
          if (this.square && i === j) continue;
          const value = this.layer.value(i, j);
          if (Number.isFinite(value)) pairs.push([i, j, value]);
        }
      });
      return pairs.sort((a, b) => a[2] - b[2]);
    }

    legend() {
      const part = node("section", "", { class: "map-legend" });
      part.append(node("h4", this.layer.unit));
      const bar = node("canvas", "", { width: "240", height: "12", role: "img", "aria-label": "Colour scale" });
      const context = bar.getContext("2d");
      const colours = this.colours();
      for (let x = 0; x < 240; x += 1) {
        context.fillStyle = `rgb(${mix(colours.stops, x / 239).join(" ")})`;
        context.fillRect(x, 0, 1, 12);
      }
      const [from, to] = this.range();
      const ends = node("p", "", { class: "map-ends" });
      ends.append(node("span", shown(from)), node("span", shown(to)));
      part.append(bar, ends);
      if (this.layer.most) {
        part.append(node("p", `The largest that this geometry allows is ${shown(this.layer.most)}.`));
      }
      const signs = new Set();
      for (const i of this.rows.slice(0, 200)) for (const j of this.columns) {
        if (!(this.square && i === j)) signs.add(this.layer.state(i, j));
      }
      const words = [];
      if (signs.has(UNDECIDED)) words.push("○ undecided");
      if (signs.has(SAME)) words.push("● the same");
      for (const said of new Set(Object.values(this.layer.words || {}))) words.push(`○ ${said}`);
      if (words.length) part.append(node("p", words.join("   ")));
      if (this.grouping) part.append(this.groupKey());
      return part;
    }

    groupKey() {
      const list = node("ul", "", { class: "map-groups" });
      [...this.groupColours].slice(0, 12).forEach(([name, colour]) => {
        const item = node("li");
        const dot = node("span");
        dot.style.background = colour;
        item.append(dot, name || "(none)");
        list.append(item);
      });
      return list;
    }
  }

  function rgb(text) {
    const number = Number.parseInt(text.replace("#", ""), 16);
    return [number >> 16, (number >> 8) & 255, number & 255];
  }

  function mix(stops, share) {
    const place = Math.min(1, Math.max(0, share)) * (stops.length - 1);
    const k = Math.min(stops.length - 2, Math.floor(place));
    return stops[k].map((value, c) => Math.round(value + (stops[k + 1][c] - value) * (place - k)));
  }

  function light(colour) {
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2] > 140;
  }

  // Folders go first: what tells models apart is mostly the name in them and the setting.
  function shorten(context, whole, room) {
    if (context.measureText(whole).width <= room) return whole;
    const text = whole.slice(whole.split("@", 1)[0].lastIndexOf("/") + 1);
    if (context.measureText(text).width <= room) return text;
    let kept = text.length;
    let cut = text;
    while (kept > 2 && context.measureText(cut).width > room) {
      kept -= 1;
      cut = `${text.slice(0, Math.ceil(kept / 2))}…${text.slice(text.length - Math.floor(kept / 2))}`;
    }
    return cut;
  }

  function table(header, rows) {
    const whole = node("table");
    const head = node("tr");
    for (const name of header) head.append(node("th", name, { scope: "col" }));
    const top = node("thead");
    top.append(head);
    const body = node("tbody");
    for (const row of rows) {
      const line = node("tr");
      for (const text of row) line.append(node("td", text));
      body.append(line);
    }
    whole.append(top, body);
    return whole;
  }

  // ---- tables ------------------------------------------------------------------------------

  function key(text) {
    const plain = text.replace(/[−]/g, "-").replace(/(\d),(?=\d{3})/g, "$1");
    const number = plain.match(/^[^\d-]{0,3}(-?\d+(\.\d+)?([eE][+-]?\d+)?)/);
    return number ? Number(number[1]) : plain.startsWith("∞") ? Infinity : null;
  }

  function sortable(whole) {
    const body = whole.tBodies[0];
    if (!body || body.rows.length < 3) return;
    [...whole.tHead.rows[0].cells].forEach((cell, k) => {
      if (!cell.textContent) return;
      const press = button(cell.textContent, `Sort by ${cell.textContent}`, () => {
        const up = cell.getAttribute("aria-sort") !== "ascending";
        for (const other of whole.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        cell.setAttribute("aria-sort", up ? "ascending" : "descending");
        const rows = [...body.rows].map((row) => [key(row.cells[k].textContent), row]);
        rows.sort(([a, x], [b, y]) => {
          if (a === null && b === null) return x.cells[k].textContent.localeCompare(y.cells[k].textContent);
          if (a === null || b === null) return a === null ? 1 : -1;
          return a - b;
        });
        if (!up) rows.reverse();
        body.append(...rows.map((pair) => pair[1]));
      });
      cell.replaceChildren(press);
    });
  }

  for (const whole of document.querySelectorAll("figure.table table")) sortable(whole);
  for (const frame of document.querySelectorAll("figure.map")) frame.matrixMap = new MatrixMap(frame);
  document.documentElement.classList.add("js");
})();
