// The score sheet as a table: copied, downloaded, and with other grades downloaded for `coread correct`. Nothing leaves the page.
(() => {
  const at = (id) => document.getElementById(id);
  const text = at("sheet-csv").value;
  const table = document.querySelector("table.sheet");
  const said = at("sheet-said");

  const parse = (csv) => {
    const rows = [[""]];
    let quoted = false;
    for (let i = 0; i < csv.length; i += 1) {
      const sign = csv[i];
      const row = rows[rows.length - 1];
      if (quoted && sign === '"' && csv[i + 1] === '"') row[row.length - 1] += csv[(i += 1)];
      else if (sign === '"') quoted = !quoted;
      else if (!quoted && sign === ",") row.push("");
      else if (!quoted && sign === "\n") rows.push([""]);
      else row[row.length - 1] += sign;
    }
    return rows.filter((row) => row.length > 1);
  };
  const cell = (value) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
  const unparse = (rows) => rows.map((row) => `${row.map(cell).join(",")}\n`).join("");

  const save = (name, content) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([content], { type: "text/csv" }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };

  // A browser that gives a local file no clipboard still copies what is selected.
  const copied = async () => {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      const area = at("sheet-csv");
      area.select();
      const done = document.execCommand("copy");
      at("sheet-copy").focus();
      return done;
    }
  };
  at("sheet-copy").addEventListener("click", async () => {
    said.textContent = (await copied()) ? "Copied." : "This browser does not copy; download the sheet instead.";
  });
  at("sheet-save").addEventListener("click", () => save("readings.csv", text));

  const [head, ...rows] = parse(text);
  const column = Object.fromEntries(head.map((name, i) => [name, i]));
  const edits = new Map();
  const rowOf = (box) =>
    rows.findIndex((row) => ["site", "side", "feature"].every((name) => row[column[name]] === box.dataset[name]));
  const words = (grade, reason) => (grade === "" ? `not readable, ${reason || "…"}` : `grade ${grade}`);

  const tell = () => {
    const list = at("edit-list");
    const entries = [...edits].map(([number, edit]) => {
      const entry = document.createElement("li");
      const row = rows[number];
      entry.append(`${edit.name}: ${words(row[column.grade], row[column.unreadable])} → `);
      const now = document.createElement("strong");
      now.textContent = edit.grade === "" ? "not readable" : `grade ${edit.grade}`;
      entry.append(now);
      if (edit.grade === "") {
        const label = document.createElement("label");
        const reason = document.createElement("input");
        reason.value = edit.reason;
        reason.maxLength = 200;
        reason.addEventListener("input", () => {
          edit.reason = reason.value;
          ready();
        });
        label.append(", because ", reason);
        entry.append(label);
      }
      return entry;
    });
    list.replaceChildren(...entries);
    ready();
  };
  const ready = () => {
    at("edit-undo").disabled = edits.size === 0;
    at("edit-save").disabled = edits.size === 0 || [...edits.values()].some((edit) => edit.grade === "" && !edit.reason.trim());
  };

  const selectFor = (box) => {
    const number = rowOf(box);
    if (number < 0) return null;
    const [grade, reason] = [rows[number][column.grade], rows[number][column.unreadable]];
    const select = document.createElement("select");
    select.setAttribute("aria-label", box.dataset.name);
    for (const known of box.dataset.grades.split(" ").map(Number).map(String)) select.add(new Option(known, known));
    select.add(new Option("n", "", false, false));
    select.value = grade;
    select.addEventListener("change", () => {
      if (select.value === grade) edits.delete(number);
      else edits.set(number, { grade: select.value, reason: "", name: box.dataset.name, select });
      select.classList.toggle("changed", edits.has(number));
      tell();
    });
    select.title = reason ? `not readable: ${reason}` : "";
    return select;
  };
  const edit = at("sheet-edit");
  edit.addEventListener("click", () => {
    const on = edit.getAttribute("aria-pressed") !== "true";
    edit.setAttribute("aria-pressed", String(on));
    at("edits").hidden = !on;
    table.classList.toggle("editing", on);
    for (const box of table.querySelectorAll("td[data-site]")) {
      const there = box.querySelector("select");
      const made = there || selectFor(box);
      if (made && !there) box.append(made);
      if (made) made.hidden = !on;
    }
  });
  at("edit-undo").addEventListener("click", () => {
    for (const [number, { select }] of edits) {
      select.value = rows[number][column.grade];
      select.classList.remove("changed");
    }
    edits.clear();
    tell();
    edit.focus();
  });
  at("edit-save").addEventListener("click", () => {
    const changed = rows.map((row, number) => {
      const made = edits.get(number);
      if (!made) return row;
      const copy = [...row];
      copy[column.grade] = made.grade;
      copy[column.unreadable] = made.grade === "" ? made.reason.trim() : "";
      return copy;
    });
    save("readings-corrected.csv", unparse([head, ...changed]));
    said.textContent = `Downloaded with ${edits.size} change${edits.size === 1 ? "" : "s"}.`;
  });
})();
