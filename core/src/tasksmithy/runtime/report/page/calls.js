// The sums by task, the calls as a tree, the details of one; and the beginning of it all.

// By task.
const byName = new Map();
for (const task of tasks) {
  const sums = byName.get(task.task) ?? { name: task.task, calls: 0, failed: 0, retries: 0, self: 0, total: 0, most: 0 };
  byName.set(task.task, sums);
  sums.calls += 1;
  sums.failed += task.status === "failed";
  sums.retries += Math.max(task.attempts.length - 1, 0);
  sums.self += task.self;
  sums.total += task.seconds;
  sums.most = Math.max(sums.most, task.seconds);
}
const named = [...byName.values()].sort((a, b) => b.self - a.self);
$("names").append(
  element("thead", {}, element("tr", {}, ...["Task", "Calls", "Failed", "Retries", "Self", "Total", "Longest"]
    .map((title) => element("th", { scope: "col" }, title)))),
  element("tbody", {}, ...named.slice(0, 200).map((sums) => element("tr", {},
    element("td", {}, element("button", { type: "button", onclick: () => filter(sums.name) }, sums.name)),
    ...[number(sums.calls), number(sums.failed), number(sums.retries), duration(sums.self),
      duration(sums.total), duration(sums.most)].map((text) => element("td", {}, text))))));
if (named.length > 200) $("names").append(element("caption", {}, `and ${number(named.length - 200)} other tasks`));

// The calls: of a long list, only what is in sight is in the document.

const ROW = 28, tree = $("tree"), rows = $("rows");
const open = new Set(tasks.length <= 200 ? tasks : roots);
let listed = [];
function list() {
  const words = $("filter").value.trim().toLowerCase(), outcome = $("outcome").value;
  const all = !words && !outcome;
  listed = [];
  if (all) {
    const pending = [...roots].reverse().map((task) => [task, 0]);
    while (pending.length) {
      const [task, depth] = pending.pop();
      listed.push([task, depth]);
      if (open.has(task)) for (let at = task.children.length; at--;) pending.push([task.children[at], depth + 1]);
    }
  } else {
    const fits = (task) => (!outcome || task.status === outcome || task.outcomes.includes(outcome)) &&
      (!words || [task.task, task.group, task.inputs, task.error].some((text) => text?.toLowerCase().includes(words)));
    listed = tasks.filter(fits).map((task) => [task, 0]);
  }
  $("count").textContent = all ? `${number(tasks.length)} calls` : `${number(listed.length)} of ${number(tasks.length)} calls`;
  rows.style.height = `${listed.length * ROW}px`;
  showRows();
}
function showRows() {
  const first = Math.max(Math.floor(tree.scrollTop / ROW) - 4, 0);
  const last = Math.ceil((tree.scrollTop + tree.clientHeight) / ROW) + 4;
  rows.replaceChildren(...listed.slice(first, last).map(([task, depth], index) => row(task, depth, first + index)));
  if (listed.some(([task]) => task === chosen)) tree.setAttribute("aria-activedescendant", `call-${chosen.place}`);
  else tree.removeAttribute("aria-activedescendant");
}
function row(task, depth, place) {
  const folds = task.children.length > 0 && !$("filter").value && !$("outcome").value;
  const made = element("div", {
    class: "row", role: "treeitem", id: `call-${task.place}`, "aria-level": depth + 1,
    "aria-setsize": listed.length, "aria-posinset": place + 1, "aria-selected": task === chosen,
    ...(folds ? { "aria-expanded": open.has(task) } : {}), onclick: () => choose(task),
  },
  element("span", { class: "fold", onclick: (event) => { event.stopPropagation(); if (folds) fold(task); } },
    folds ? (open.has(task) ? "▾" : "▸") : ""),
  dot(task.status),
  element("span", { class: "name" }, task.task),
  element("span", { class: "more" }, [task.group && `[${task.group}]`, task.inputs].filter(Boolean).join(" ")),
  task.attempts.length > 1 ? element("span", { class: "took" }, `${task.attempts.length} attempts`) : null,
  element("span", { class: "took" }, duration(task.seconds)));
  made.style.top = `${place * ROW}px`;
  made.style.paddingLeft = `${8 + Math.min(depth, 20) * 18}px`;
  return made;
}
function fold(task, opened = !open.has(task)) {
  if (opened) open.add(task);
  else open.delete(task);
  list();
}
function filter(words) {
  $("filter").value = words;
  tree.scrollTop = 0;
  list();
}
function reveal(task) {
  let place = listed.findIndex(([each]) => each === task);
  if (place < 0) {
    $("filter").value = $("outcome").value = "";
    for (let above = tasks[task.parent]; above; above = tasks[above.parent]) open.add(above);
    list();
    place = listed.findIndex(([each]) => each === task);
  }
  const above = place * ROW - tree.scrollTop;
  if (above < 0 || above > tree.clientHeight - ROW) {
    const far = above < -ROW || above > tree.clientHeight;
    tree.scrollTop += far ? above - tree.clientHeight / 2 : above < 0 ? above : above - tree.clientHeight + ROW;
  }
}
tree.addEventListener("scroll", showRows);
tree.addEventListener("keydown", (event) => {
  const place = listed.findIndex(([task]) => task === chosen), task = listed[place]?.[0];
  const go = (to) => { const next = listed[Math.min(Math.max(to, 0), listed.length - 1)]; if (next) choose(next[0]); };
  const page = Math.floor(tree.clientHeight / ROW) - 1;
  const act = {
    ArrowDown: () => go(place + 1), ArrowUp: () => go(place - 1), Home: () => go(0), End: () => go(listed.length),
    PageDown: () => go(place + page), PageUp: () => go(place - page),
    ArrowRight: () => { if (task?.children.length) open.has(task) ? go(place + 1) : fold(task, true); },
    ArrowLeft: () => { if (task) open.has(task) && task.children.length ? fold(task, false) : tasks[task.parent] && choose(tasks[task.parent]); },
    Enter: () => { if (task?.children.length) fold(task); },
  }[event.key];
  if (act) { event.preventDefault(); act(); }
});
$("filter").addEventListener("input", () => { tree.scrollTop = 0; list(); });
$("outcome").addEventListener("change", () => { tree.scrollTop = 0; list(); });
for (const outcome of OUTCOMES) $("outcome").append(element("option", { value: outcome }, LABELS[outcome] ?? outcome));

// One execution.

// A frame has the colours of neither scheme by itself; its content is never a script.
const FRAME = "<!doctype html><meta charset='utf-8'><meta name='color-scheme' content='light dark'>"
  + "<style>body{margin:12px;font:14px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}"
  + "pre{margin:0;font:12.5px/1.5 ui-monospace,Menlo,Consolas,monospace;white-space:pre-wrap}img,svg{max-width:100%}"
  + "table{border-collapse:collapse}td,th{padding:2px 10px 2px 0;text-align:left}</style>";

function choose(task) {
  chosen = task;
  reveal(task);
  showRows();
  showDetails(task);
  const top = task.lane * laneHeight;
  if (top < scroller.scrollTop || top + laneHeight > scroller.scrollTop + height) scroller.scrollTop = top - height / 2;
  draw();
}
function block(title, text, kind = "") {
  return text ? [element("h4", {}, title), element("pre", { class: kind }, text)] : [];
}
function showDetails(task) {
  const facts = {
    Outcome: task.status, Type: task.type, Group: task.group, Queued: `at ${duration(task.queued)}`,
    Waited: task.attempts.length ? duration(task.attempts[0][1] - task.queued) : "", Took: duration(task.seconds),
    "Made on": task.attempts.length === 1 ? task.attempts[0][4] : "", "Called by": tasks[task.parent]?.task, Calls: task.children.length ? number(task.children.length) : "",
  };
  const attempts = task.attempts.map(([attempt, began, ended, error, place], index) => element("tr", {},
    element("td", {}, dot(task.outcomes[index]), String(attempt)), element("td", {}, duration(began)),
    element("td", {}, duration(ended - began)), element("td", {}, place ?? ""), element("td", {}, error ?? "")));
  $("details").replaceChildren(
    element("h3", {}, dot(task.status), task.task),
    element("dl", { class: "facts" }, ...Object.entries(facts).filter(([, fact]) => fact)
      .map(([name, fact]) => element("div", {}, element("dt", {}, name), element("dd", {}, fact)))),
    ...block("Error", task.error, "error"), ...block("Traceback", task.traceback), ...block("Inputs", task.inputs), ...block("Result", task.output),
    ...(attempts.length > 1 ? [element("h4", {}, "Attempts"), element("table", {},
      element("tr", {}, ...["Attempt", "At", "Took", "Made on", "Error"].map((title) => element("th", { scope: "col" }, title))),
      ...attempts)] : []),
    ...(task.tabs ? tabs(Object.entries(task.tabs)) : []));
  $("details").scrollTop = 0;
}
function tabs(pages) {
  const frame = element("iframe", { sandbox: "", title: "Report of the task", role: "tabpanel" });
  const show = (at) => {
    buttons.forEach((button, index) => {
      button.setAttribute("aria-selected", index === at);
      button.tabIndex = index === at ? 0 : -1;
    });
    frame.srcdoc = FRAME + pages[at][1];
  };
  const buttons = pages.map(([name], index) => element("button", {
    type: "button", role: "tab", onclick: () => show(index),
    onkeydown: (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (step) {
        const next = (index + step + pages.length) % pages.length;
        show(next);
        buttons[next].focus();
      }
    },
  }, name));
  show(0);
  return [element("div", { class: "tabs", role: "tablist", "aria-label": "Report of the task" }, ...buttons), frame];
}

document.querySelector("main").hidden = false;
readColours();
list();
if (tasks.length) choose(origin ?? roots[0] ?? tasks[0]);
drawNow();
addEventListener("resize", () => { showRows(); draw(); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { readColours(); draw(); });
