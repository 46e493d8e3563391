// Tables of the page. Whatever a guest, an image or a caller has named is text, and
// never markup.

export const $ = (id) => document.getElementById(id);

export function element(tag, { text = "", className = "", title = "" } = {}, ...children) {
  const made = document.createElement(tag);
  if (className !== "") made.className = className;
  if (title !== "") made.title = title;
  if (text !== "") made.textContent = text;
  made.append(...children);
  return made;
}

export function button(text, onClick, className = "") {
  const made = element("button", { text, className });
  made.addEventListener("click", onClick);
  return made;
}

// A cell; its column's name stands in it where the window is narrow.
export function cell(label, text, { className = "text", title = "" } = {}, ...children) {
  const made = element("td", { text, className, title }, ...children);
  made.dataset.label = label;
  return made;
}

export const number = (label, text) => cell(label, text, { className: "number" });

export function bytes(count) {
  let value = Number(count);
  let unit = 0;
  while (value >= 1024 && unit < 4) {
    value /= 1024;
    ++unit;
  }
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${["B", "KiB", "MiB", "GiB", "TiB"][unit]}`;
}

// "vms/web" is "web".
export const idOf = (name) => name.slice(name.indexOf("/") + 1);

// Rows that stay the same stay there, with the focus that one of their buttons has.
export function fill(table, rows) {
  const body = $(table).tBodies[0];
  rows.forEach((row, at) => {
    const old = body.rows[at];
    if (old === undefined) body.append(row);
    else if (!old.isEqualNode(row)) old.replaceWith(row);
  });
  while (body.rows.length > rows.length) body.deleteRow(-1);
}

// A sentence instead of rows; `className` is "nothing" or "failed".
export function fillWith(table, sentence, className) {
  const only = element("td", { text: sentence, className });
  only.colSpan = $(table).tHead.rows[0].cells.length;
  fill(table, [element("tr", {}, only)]);
}

export function imageRow(image) {
  return element("tr", {}, cell("Name", idOf(image.name), { className: "text name", title: image.digest }),
    cell("System", image.os), cell("Kernel", idOf(image.kernel)), cell("Source", image.source),
    number("On disk", bytes(image.disk_bytes)));
}

export function kernelRow(kernel) {
  return element("tr", {}, cell("Name", idOf(kernel.name), { className: "text name", title: kernel.sha256 }),
    cell("Version", kernel.kernel_version), cell("Distribution", kernel.distro), cell("Source", kernel.source),
    number("Size", bytes(kernel.size_bytes)));
}
