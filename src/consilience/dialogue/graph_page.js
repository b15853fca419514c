"use strict";
(() => {
  const { elements, texts } = JSON.parse(document.getElementById("data").textContent);
  const body = document.body, pane = document.getElementById("pane"), graph = document.getElementById("graph");
  const words = { done: "✓ done", running: "▸ running", waiting: "○ waiting", asks: "? asks a person", skipped: "– skipped", failed: "✗ failed" };
  const spots = graph ? [...graph.querySelectorAll(".spot")] : [];
  const marked = [...document.querySelectorAll("[data-e]")];
  const rows = [...document.querySelectorAll("#list tbody tr")];
  let chosen = -1;
  body.classList.add("live");

  // Texts of a run only ever become text nodes: nothing that a model wrote is read as markup.
  function make(name, className, ...children) {
    const made = document.createElement(name);
    if (className) made.className = className;
    made.append(...children.filter((child) => child !== null && child !== ""));
    return made;
  }
  const text = (number) => (number < 0 ? "(left out of this page; the journal has it)" : texts[number]);
  function seconds(value) {
    if (value < 1) return `${Number((1000 * value).toPrecision(3))} ms`;
    return value < 120 ? `${Number(value.toPrecision(3))} s` : `${Number((value / 60).toPrecision(3))} min`;
  }
  const money = (value) => (value === null ? "no price" : value >= 1 || value === 0 ? `$${value.toFixed(2)}` : `$${Number(value.toPrecision(2))}`);
  const plural = (count, word) => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;

  function links(words, numbers) {
    if (!numbers.length) return null;
    const line = make("div", "links", make("span", "soft", words));
    for (const number of numbers.slice(0, 24)) {
      const button = make("button", elements[number].state, elements[number].label);
      button.type = "button";
      button.addEventListener("click", () => choose(number));
      line.append(button);
    }
    if (numbers.length > 24) line.append(make("span", "soft", `and ${numbers.length - 24} more`));
    return line;
  }

  function diff(change, artifact) {
    if (change.hunks === null) return make("p", "soft small", "Too long to compare here.");
    if (!change.hunks.length) return make("p", "soft small", "Nothing: it passed as it was.");
    if (change.text < 0 || artifact < 0) return make("p", "soft small", "The texts are left out of this page.");
    const before = text(change.text).split("\n"), after = text(artifact).split("\n");
    const shown = make("pre", "text diff");
    for (const hunk of change.hunks) {
      const first = hunk[0], last = hunk[hunk.length - 1];
      shown.append(make("div", "hunk", `lines ${first[3] + 1} to ${last[4]} of ${after.length}`));
      for (const [kind, a, b, c, d] of hunk) {
        if (kind === "equal") for (const line of after.slice(c, d)) shown.append(make("div", "same", line));
        else {
          for (const line of before.slice(a, b)) shown.append(make("div", "minus", line));
          for (const line of after.slice(c, d)) shown.append(make("div", "plus", line));
        }
      }
    }
    return shown;
  }

  function changes(element) {
    const held = make("div", "");
    if (!element.changes.length) return held;
    const counts = element.changes.map((change) => {
      let plus = 0, minus = 0;
      for (const hunk of change.hunks || []) for (const [kind, a, b, c, d] of hunk) if (kind !== "equal") { minus += b - a; plus += d - c; }
      return `+${plus} −${minus}`;
    });
    const head = make("h3", "", "What it changed");
    held.append(head);
    const place = make("div", "");
    const show = (index) => place.replaceChildren(diff(element.changes[index], element.artifact));
    if (element.changes.length > 1) {
      const select = make("select", "small");
      select.setAttribute("aria-label", "Compare with");
      element.changes.forEach((change, index) => select.append(new Option(`against ${change.of} (${counts[index]})`, index)));
      select.addEventListener("change", () => show(select.value));
      held.append(select);
    } else head.append(make("span", "soft small", `  against ${element.changes[0].of}, ${counts[0]} lines`));
    held.append(place);
    show(0);
    return held;
  }

  function folded(title, open, fill) {
    const details = make("details", "", make("summary", "", title));
    const build = () => { if (details.open && details.childElementCount === 1) details.append(fill()); };
    details.addEventListener("toggle", build);
    if (open) { details.open = true; build(); }
    return details;
  }

  function prompt(messages) {
    const held = make("div", "");
    for (const [role, parts] of messages) {
      held.append(make("div", "role", role));
      for (const part of parts) held.append(make("div", "part", make("pre", "text", text(part))));
    }
    return held;
  }

  function turn(one) {
    const held = make("div", "turn");
    const who = make("div", "who", make("b", "", one.speaker));
    if (one.facts) {
      const [latency, input, output, usd, finish, replayed] = one.facts;
      const facts = [replayed ? "from the journal" : seconds(latency), `${input.toLocaleString("en")} → ${output.toLocaleString("en")} tokens`, money(usd)];
      if (finish !== "stop") facts.push(`ended: ${finish}`);
      who.append(make("span", "small soft number", facts.join(" · ")));
      who.title = one.model;
    }
    held.append(who);
    if (one.note) held.append(make("p", "small note " + (one.facts ? "soft" : "failed"), one.note));
    if (one.prompt.length) {
      const length = one.prompt.reduce((sum, message) => sum + message[1].reduce((all, part) => all + text(part).length, 0), 0);
      held.append(folded(`Prompt, ${plural(length, "character")}`, false, () => prompt(one.prompt)));
    }
    if (one.reply !== null) held.append(make("pre", "text", text(one.reply)));
    return held;
  }

  function figure(value, name) { return make("div", "", make("b", "", value), name); }

  function fill(element) {
    const top = make("div", "top", make("h2", "", element.label), make("span", "soft", element.kind), make("span", "badge " + element.state, words[element.state]));
    if (element.critical) top.append(make("span", "badge path", "◆ critical path"));
    const figures = make("div", "figures");
    if (element.latency) figures.append(figure(seconds(element.latency), "at work"));
    if (element.turns.length) figures.append(figure(String(element.turns.length), element.turns.length === 1 ? "turn" : "turns"), element.tokens ? figure(element.tokens.toLocaleString("en"), "tokens") : "", element.tokens ? figure(money(element.usd), "cost") : "");
    if (element.span[0] !== null) figures.append(figure(seconds(element.span[0]), "began"));
    const parts = [top, figures];
    if (element.note) parts.push(make("p", "note " + element.state, element.note));
    parts.push(links("after", element.before), links("before", element.after), changes(element));
    if (element.artifact !== null) {
      parts.push(folded(`Artifact, ${plural(text(element.artifact).split("\n").length, "line")}`, !element.changes.length, () => make("pre", "text", text(element.artifact))));
    }
    if (element.turns.length) {
      parts.push(make("h3", "", plural(element.turns.length, "turn")));
      for (const one of element.turns) parts.push(turn(one));
    }
    if (!element.turns.length && element.artifact === null && !element.note) parts.push(make("p", "soft", "Nothing was said here."));
    pane.replaceChildren(...parts.filter(Boolean));
    pane.scrollTop = 0;
  }

  function choose(number, moved, opening) {
    if (!(number in elements)) return;
    chosen = number;
    const element = elements[number];
    fill(element);
    const near = new Set([number, ...element.before, ...element.after]);
    for (const mark of marked) {
      const own = Number(mark.dataset.e);
      mark.classList.toggle("chosen", own === number);
      if (mark.matches("path") && !opening) mark.classList.toggle("near", near.has(own));
    }
    if (graph && !opening) graph.classList.add("picked");
    for (const spot of spots) spot.setAttribute("tabindex", Number(spot.dataset.e) === number ? "0" : "-1");
    reveal(number);
    if (!moved) {
      history.replaceState(null, "", `#e${number}`);
      if (pane.getBoundingClientRect().top > innerHeight - 120) pane.scrollIntoView({ behavior: "smooth", block: "start" });
    }
  }

  function reveal(number) {
    const frame = document.getElementById("frame"), spot = spots.find((one) => Number(one.dataset.e) === number);
    if (!frame || !spot) return;
    const [inner, outer] = [spot.getBoundingClientRect(), frame.getBoundingClientRect()];
    if (inner.left < outer.left || inner.right > outer.right) frame.scrollLeft += inner.left - outer.left - outer.width / 2;
    if (inner.top < outer.top || inner.bottom > outer.bottom) frame.scrollTop += inner.top - outer.top - outer.height / 2;
  }

  function focus(number) {
    const spot = spots.find((one) => Number(one.dataset.e) === number);
    if (!spot) return false;
    choose(number, true);
    spot.focus();
    return true;
  }

  document.addEventListener("click", (event) => {
    const hit = event.target.closest("[data-e]");
    if (!hit || event.target.closest("#pane")) return;
    event.preventDefault();
    choose(Number(hit.dataset.e));
  });

  if (graph) {
    graph.addEventListener("keydown", (event) => {
      const spot = event.target.closest(".spot");
      if (!spot) return;
      const number = Number(spot.dataset.e), element = elements[number];
      if (event.key === "Enter" || event.key === " ") choose(number);
      else if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
        // Along the edges; where an edge has no dot of its own, to the node behind it.
        const side = event.key === "ArrowRight" ? "after" : "before";
        if (!element[side].some(focus)) element[side].some((other) => elements[other][side].some(focus));
      } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        const order = spots.map((one) => Number(one.dataset.e));
        focus(order[(order.indexOf(number) + (event.key === "ArrowDown" ? 1 : order.length - 1)) % order.length]);
      } else return;
      event.preventDefault();
    });
    const natural = graph.viewBox.baseVal.width, frame = document.getElementById("frame");
    let scale = 0;
    const zoom = (wanted) => {
      scale = Math.min(4, Math.max(0.1, wanted));
      graph.style.maxWidth = "none";
      graph.style.width = `${natural * scale}px`;
    };
    const fit = () => {
      graph.style.width = "";
      graph.style.maxWidth = `${Math.max(natural * 1.25, 320)}px`;
      scale = graph.getBoundingClientRect().width / natural;
    };
    // On a narrow screen a node must stay large enough to be hit; the drawing scrolls then.
    const open = () => { fit(); if (scale < 0.5) zoom(Math.max(scale, Math.min(0.55, 2200 / natural))); };
    open();
    addEventListener("resize", open);
    document.getElementById("larger").addEventListener("click", () => zoom(scale * 1.3));
    document.getElementById("smaller").addEventListener("click", () => zoom(scale / 1.3));
    document.getElementById("fit").addEventListener("click", fit);
    frame.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      zoom(scale * Math.exp(-event.deltaY / 300));
    }, { passive: false });
  }

  const heads = [...document.querySelectorAll("#list th")];
  heads.forEach((head, column) => {
    const button = make("button", "", head.textContent);
    button.type = "button";
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== (head.classList.contains("number") ? "descending" : "ascending");
      const falling = head.classList.contains("number") ? up : !up;
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", falling ? "descending" : "ascending");
      const value = (row) => { const cell = row.cells[column]; return cell.dataset.v ?? cell.textContent.trim(); };
      const numeric = head.classList.contains("number") || column === 0;
      rows.sort((a, b) => {
        const [x, y] = [value(a), value(b)];
        if ((x === "") !== (y === "")) return x === "" ? 1 : -1;
        return (falling ? -1 : 1) * (numeric ? x - y : x.localeCompare(y));
      });
      document.querySelector("#list tbody").append(...rows);
    });
  });

  const search = document.getElementById("search"), found = document.getElementById("found");
  let lowered = null;
  function matches(element, wanted, hits) {
    if ([element.id, element.label, element.kind, words[element.state], element.note].some((one) => one.toLowerCase().includes(wanted))) return true;
    if (hits.has(element.artifact)) return true;
    return element.turns.some((one) => one.speaker.toLowerCase().includes(wanted) || hits.has(one.reply) || one.prompt.some((message) => message[1].some((part) => hits.has(part))));
  }
  function look() {
    const wanted = search.value.trim().toLowerCase();
    lowered ??= texts.map((one) => one.toLowerCase());
    const hits = new Set();
    if (wanted) lowered.forEach((one, number) => { if (one.includes(wanted)) hits.add(number); });
    const good = new Set(elements.keys());
    if (wanted) elements.forEach((element, number) => { if (!matches(element, wanted, hits)) good.delete(number); });
    for (const mark of marked) {
      const missed = !good.has(Number(mark.dataset.e));
      mark.classList.toggle(mark.matches("tr") ? "hidden" : "missed", missed);
    }
    found.textContent = wanted ? `${plural(good.size, "element")} of ${elements.length.toLocaleString("en")}` : "";
    if (wanted && good.size && !good.has(chosen)) choose([...good][0], true);
  }
  let later = 0;
  search.addEventListener("input", () => { clearTimeout(later); later = setTimeout(look, 120); });
  search.addEventListener("keydown", (event) => { if (event.key === "Escape") { search.value = ""; look(); } });

  const asked = /^#e(\d+)$/.exec(location.hash);
  addEventListener("hashchange", () => { const now = /^#e(\d+)$/.exec(location.hash); if (now) choose(Number(now[1])); });
  if (elements.length) choose(asked ? Number(asked[1]) : Number(body.dataset.first || 0), true, !asked);
})();
