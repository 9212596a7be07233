"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  // Marks keep their size on the screen whatever the size of the film; coordinates stay those of the image.
  const films = all("svg.marks");
  const scale = (svg) => {
    const shown = svg.getBoundingClientRect().width;
    if (!shown) return;
    const small = Math.min(1, Math.max(0.82, shown / 400));
    const k = (svg.viewBox.baseVal.width / shown) * small;
    for (const g of all("g.k", svg)) g.setAttribute("transform", `scale(${k.toFixed(4)})`);
  };
  const fit = () => films.forEach(scale);
  if ("ResizeObserver" in window) {
    const watch = new ResizeObserver((entries) => entries.forEach((entry) => scale(entry.target)));
    films.forEach((svg) => watch.observe(svg));
  }
  fit();

  const zoom = document.getElementById("zoom");
  const joints = all("article.joint");
  const index = new Map(joints.map((joint, i) => [joint.id, i]));
  let at = 0;
  let opener = null;

  const show = (i) => {
    at = (i + joints.length) % joints.length;
    const joint = joints[at];
    const copy = joint.cloneNode(true);
    for (const node of [copy, ...all("[id]", copy)]) node.removeAttribute("id");
    copy.removeAttribute("aria-labelledby");
    copy.querySelector("h3").remove();
    document.getElementById("zoom-title").textContent = joint.querySelector("h3").textContent;
    const body = zoom.querySelector(".body");
    body.replaceChildren(copy);
    body.scrollTop = 0;
  };
  const open = (key, from) => {
    if (!index.has(key) || typeof zoom.showModal !== "function") return false;
    opener = from;
    show(index.get(key));
    if (!zoom.open) zoom.showModal();
    document.getElementById("zoom-title").focus();
    return true;
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-joint]");
    if (link && !event.ctrlKey && !event.metaKey && open(link.dataset.joint, link)) event.preventDefault();
  });
  zoom.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (event.target === zoom || (button && "close" in button.dataset)) zoom.close();
    else if (button) show(at + Number(button.dataset.go));
  });
  zoom.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") show(at - 1);
    else if (event.key === "ArrowRight") show(at + 1);
    else return;
    event.preventDefault();
  });
  zoom.addEventListener("close", () => {
    if (opener) opener.focus();
  });
  window.addEventListener("beforeprint", () => zoom.open && zoom.close());

  // Arrow keys go to the nearest mark in that direction, across films too.
  const towards = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const middle = (mark) => {
    const box = mark.querySelector(".aim").getBoundingClientRect();
    return [box.x + box.width / 2, box.y + box.height / 2];
  };
  document.addEventListener("keydown", (event) => {
    const mark = document.activeElement && document.activeElement.closest("a.mark");
    const way = towards[event.key];
    if (!mark || !way || zoom.open) return;
    const [x, y] = middle(mark);
    // First those ahead within 60 degrees of the way, then any that lie ahead.
    let best = null;
    let least = Infinity;
    for (const other of all("a.mark")) {
      if (other === mark || other.getBoundingClientRect().width === 0) continue;
      const [u, v] = middle(other);
      const along = (u - x) * way[0] + (v - y) * way[1];
      const across = Math.abs((u - x) * way[1]) + Math.abs((v - y) * way[0]);
      const far = along + 2 * across + (along > 0.58 * across ? 0 : 1e6);
      if (along > 1 && far < least) {
        least = far;
        best = other;
      }
    }
    if (best) best.focus();
    event.preventDefault();
  });

  const same = (event, on) => {
    const link = event.target.closest && event.target.closest("[data-joint]");
    if (link) for (const twin of all(`[data-joint="${link.dataset.joint}"]`)) twin.classList.toggle("hot", on);
  };
  for (const [kind, on] of [["pointerover", true], ["pointerout", false], ["focusin", true], ["focusout", false]])
    document.addEventListener(kind, (event) => same(event, on));

  // The outline is shown and hidden by one switch; while a joint is seen close, its twin in the bar of the dialog works it.
  const lesions = document.getElementById("show-lesions");
  const twin = document.getElementById("zoom-lesions");
  if (lesions && twin) {
    const follow = (from, to) => from.addEventListener("change", () => (to.checked = from.checked));
    follow(lesions, twin);
    follow(twin, lesions);
    twin.checked = lesions.checked;
  }

  const invert = document.getElementById("invert");
  const contrast = document.getElementById("contrast");
  if (invert && contrast) {
    const adjust = () => {
      const filter = `contrast(${contrast.value}%)${invert.checked ? " invert(1)" : ""}`;
      for (const img of all(".stage img")) img.style.filter = filter;
    };
    invert.addEventListener("change", adjust);
    contrast.addEventListener("input", adjust);
  }
})();
