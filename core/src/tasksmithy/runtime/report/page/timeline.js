// The timeline: how much ran at once, the axis, and the bars in their lanes.

const whole = { from: 0, to: tasks.reduce((end, task) => Math.max(end, task.ended), 0) || 1 };
whole.to *= 1.004; // so that the last bar does not touch the edge
const view = { ...whole };
const laneHeight = lanes.length <= 16 ? 24 : lanes.length <= 60 ? 16 : lanes.length <= 400 ? 9 : 6;
const canvas = $("timeline"), overview = $("overview"), axis = $("axis"), scroller = $("lanes");
const height = Math.min(lanes.length * laneHeight + 8, 400);
canvas.style.height = `${height}px`;
$("lanes-space").style.height = `${Math.max(lanes.length * laneHeight + 8 - height, 0)}px`;
canvas.dataset.executions = lanes.reduce((sum, lane) => sum + lane.length, 0);
canvas.dataset.attempts = tasks.reduce((sum, task) => sum + task.attempts.length, 0);
canvas.dataset.lanes = lanes.length;
canvas.setAttribute("aria-label",
  `${number(tasks.length)} tasks in ${number(lanes.length)} lanes; the calls below have the same as text`);

let colours = {}, chosen = null, hovered = null;
function readColours() {
  const style = getComputedStyle(document.documentElement);
  for (const name of [...OUTCOMES, "wait", "ink", "soft", "line", "focus", "card", "on"]) {
    colours[name] = style.getPropertyValue(`--${name}`).trim();
  }
}
function pen(target) {
  const { clientWidth: width, clientHeight: tall } = target, ratio = window.devicePixelRatio || 1;
  if (target.width !== Math.round(width * ratio) || target.height !== Math.round(tall * ratio)) {
    target.width = Math.round(width * ratio);
    target.height = Math.round(tall * ratio);
  }
  const context = target.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, tall);
  context.font = "11.5px system-ui, sans-serif";
  return [context, width, tall];
}
const atTime = (time, width) => ((time - view.from) / (view.to - view.from)) * width;

function drawLanes() {
  const [context, width, tall] = pen(canvas), top = scroller.scrollTop - 4;
  const first = Math.max(Math.floor(top / laneHeight), 0);
  const last = Math.min(Math.ceil((top + tall) / laneHeight), lanes.length);
  const gap = laneHeight > 12 ? 3 : laneHeight > 7 ? 2 : 1, bar = laneHeight - gap;
  for (let lane = first; lane < last; lane++) {
    const y = lane * laneHeight - top;
    let drawn = -1;
    for (const task of lanes[lane]) {
      if (task.ended < view.from || task.queued > view.to) continue;
      const left = atTime(task.queued, width), right = Math.max(atTime(task.ended, width), left + 1.5);
      const special = task === chosen || task === hovered || task.status === "failed";
      if (right < drawn + 0.5 && !special) continue; // below the one before, on this scale
      drawn = right;
      context.fillStyle = task.attempts.length ? colours.wait : colours[task.status];
      context.fillRect(left, y, right - left, bar);
      task.attempts.forEach(([, began, ended], index) => {
        const x = atTime(began, width);
        context.globalAlpha = task.children.length ? 0.45 : 1; // it waits for those it calls
        context.fillStyle = colours[task.outcomes[index]];
        context.fillRect(x, y, Math.max(atTime(ended, width) - x - (index < task.attempts.length - 1 ? 1 : 0), 1.5), bar);
      });
      context.globalAlpha = 1;
      if (task.critical && bar > 4) {
        context.fillStyle = colours.ink;
        context.fillRect(left, y + bar - 2, right - left, 2);
      }
      const start = Math.max(left, 0) + 6, room = Math.min(right, width) - start - 4;
      if (laneHeight > 12 && room > 30) label(context, task, start, y + bar / 2, room);
      if (task === chosen || task === hovered) {
        context.strokeStyle = task === chosen ? colours.focus : colours.ink;
        context.lineWidth = 2;
        context.strokeRect(left - 1, y - 1, right - left + 2, bar + 2);
      }
    }
  }
}
function label(context, task, x, y, room) {
  const text = [MARKS[task.status], task.task].filter(Boolean).join(" ");
  let shown = text;
  context.font = `${laneHeight > 20 ? 11.5 : 10.5}px system-ui, sans-serif`;
  context.textBaseline = "middle";
  if (context.measureText(text).width > room) {
    let fits = Math.floor((text.length * room) / context.measureText(text).width) - 1;
    if (fits < 3) return;
    shown = `${text.slice(0, fits)}…`;
  }
  context.fillStyle = task.children.length ? colours.ink : colours.on;
  context.fillText(shown, x, y);
}

function drawAxis() {
  const [context, width] = pen(axis), span = view.to - view.from;
  const rough = span / Math.max(width / 110, 1), power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
  const digits = Math.max(-Math.floor(Math.log10(step) + 1e-9), 0);
  context.fillStyle = colours.soft;
  for (let tick = Math.ceil(view.from / step); tick * step <= view.to; tick++) {
    const x = atTime(tick * step, width);
    context.fillRect(x, 18, 1, 6);
    const text = `${(tick * step).toFixed(digits)} s`, wide = context.measureText(text).width;
    context.fillText(text, Math.min(Math.max(x - wide / 2, 4), width - wide - 4), 14);
  }
  $("scale").textContent = `${number(lanes.length)} ${lanes.length === 1 ? "lane" : "lanes"}, ${duration(span)} of ${duration(whole.to)}. `
    + "Pale: waits for tasks that it calls. Grey: waits for its turn.";
}

// Who waits for calls is not at work.
const spells = tasks.flatMap((task) => task.children.length ? [] :
  task.attempts.map(([, began, ended], index) => [began, ended, task.outcomes[index]]));
const atOnce = (() => {
  const changes = spells.flatMap(([began, ended]) => [[began, 1], [ended, -1]]);
  let now = 0, most = 0;
  for (const [, change] of changes.sort((a, b) => a[0] - b[0] || a[1] - b[1])) most = Math.max(most, now += change);
  return Math.max(most, 1);
})();
const SHOWN_APART = ["retried", "cancelled", "failed"]; // in front of all attempts
let density = null;
function densities(width) {
  const sums = new Map(["all", ...SHOWN_APART].map((outcome) => [outcome, new Float64Array(width + 1)]));
  const scale = width / whole.to;
  for (const [began, ended, outcome] of spells) {
    const first = Math.min(Math.round(began * scale), width - 1);
    const last = Math.min(Math.max(Math.round(ended * scale), first + 1), width); // a pixel, however short
    for (const each of [sums.get("all"), sums.get(outcome)]) if (each) { each[first] += 1; each[last] -= 1; }
  }
  for (const each of sums.values()) for (let x = 1; x <= width; x++) each[x] += each[x - 1];
  return { width, sums, most: sums.get("all").reduce((most, value) => Math.max(most, value), 1) };
}
function drawOverview() {
  const [context, width, tall] = pen(overview), columns = Math.max(Math.floor(width), 1);
  if (density?.width !== columns) density = densities(columns);
  for (const [outcome, sums] of density.sums) {
    context.fillStyle = colours[outcome] ?? colours.succeeded;
    context.globalAlpha = outcome === "all" ? 0.55 : 1;
    for (let x = 0; x < columns; x++) {
      const up = (sums[x] / density.most) * (tall - 16);
      if (up > 0) context.fillRect(x, tall - Math.max(up, 1), 1, Math.max(up, 1));
    }
  }
  context.globalAlpha = 1;
  context.fillStyle = colours.soft;
  const most = `up to ${number(atOnce)} at work at once`;
  context.fillText(most, width - context.measureText(most).width - 8, 13);
  if (view.from > whole.from || view.to < whole.to || dragged) {
    const [from, to] = dragged ?? [view.from, view.to];
    const left = (from / whole.to) * width, right = (to / whole.to) * width;
    context.globalAlpha = 0.16;
    context.fillStyle = colours.focus;
    context.fillRect(Math.min(left, right), 0, Math.max(Math.abs(right - left), 2), tall);
    context.globalAlpha = 1;
  }
}

let waiting = false;
function draw() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(drawNow);
}
function drawNow() {
  waiting = false;
  drawOverview();
  drawAxis();
  drawLanes();
}
function look(from, to) {
  const span = Math.min(Math.max(to - from, whole.to / 1e5), whole.to);
  view.from = Math.min(Math.max(from, 0), whole.to - span);
  view.to = view.from + span;
  draw();
}
function zoom(factor, share = 0.5) {
  const span = (view.to - view.from) * factor, middle = view.from + (view.to - view.from) * share;
  look(middle - span * share, middle + span * (1 - share));
}

function taskAt(event) {
  const box = canvas.getBoundingClientRect();
  const lane = lanes[Math.floor((event.clientY - box.top + scroller.scrollTop - 4) / laneHeight)];
  const time = view.from + ((event.clientX - box.left) / box.width) * (view.to - view.from);
  const near = ((view.to - view.from) / box.width) * 3;
  let best = null, least = near;
  for (const task of lane ?? []) {
    const away = Math.max(task.queued - time, time - task.ended, 0);
    if (away === 0 || away < least) { best = task; least = away; }
  }
  return best;
}
const tip = $("tip");
function showTip(event) {
  const task = taskAt(event);
  if (task !== hovered) { hovered = task; draw(); }
  tip.hidden = !task;
  canvas.style.cursor = task ? "pointer" : "default";
  if (!task) return;
  const attempts = task.attempts.length;
  tip.replaceChildren(
    element("b", {}, task.task),
    `${task.status}, ${duration(task.seconds)}${attempts > 1 ? `, ${attempts} attempts` : ""}`,
    ...[task.group && `group ${task.group}`, task.inputs, task.error].filter(Boolean)
      .flatMap((text) => [element("br"), text.slice(0, 160)]));
  const box = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(Math.min(event.clientX + 14, innerWidth - box.width - 8), 8)}px`;
  tip.style.top = `${event.clientY + 18 + box.height > innerHeight ? event.clientY - box.height - 12 : event.clientY + 18}px`;
}
canvas.addEventListener("mousemove", showTip);
canvas.addEventListener("mouseleave", () => { tip.hidden = true; hovered = null; draw(); });
canvas.addEventListener("click", (event) => { const task = taskAt(event); if (task) choose(task); });
scroller.addEventListener("scroll", draw);
scroller.addEventListener("wheel", (event) => {
  if (!event.ctrlKey && !event.metaKey) return;
  event.preventDefault();
  zoom(event.deltaY > 0 ? 1.25 : 0.8, event.offsetX / canvas.clientWidth);
}, { passive: false });
scroller.addEventListener("keydown", (event) => {
  const step = (view.to - view.from) / 5;
  const act = {
    "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2), 0: () => look(0, whole.to),
    ArrowLeft: () => look(view.from - step, view.to - step),
    ArrowRight: () => look(view.from + step, view.to + step),
  }[event.key];
  if (act && !event.ctrlKey && !event.metaKey) { event.preventDefault(); act(); }
});
$("zoom-in").addEventListener("click", () => zoom(0.5));
$("zoom-out").addEventListener("click", () => zoom(2));
$("zoom-all").addEventListener("click", () => look(0, whole.to));
let dragged = null;
const overviewTime = (event) => (event.offsetX / overview.clientWidth) * whole.to;
overview.addEventListener("pointerdown", (event) => {
  overview.setPointerCapture(event.pointerId);
  dragged = [overviewTime(event), overviewTime(event)];
});
overview.addEventListener("pointermove", (event) => { if (dragged) { dragged[1] = overviewTime(event); draw(); } });
overview.addEventListener("pointerup", () => {
  const [from, to] = dragged.sort((a, b) => a - b);
  dragged = null;
  if (to - from > whole.to / 200) look(from, to);
  else look(0, whole.to);
});
for (const outcome of OUTCOMES) {
  if (tasks.some((task) => task.status === outcome || task.outcomes.includes(outcome))) {
    $("legend").append(element("li", {}, dot(outcome), LABELS[outcome] ?? outcome));
  }
}
