"use strict";
// What the page works with: the tasks, small helpers, and the lanes of the timeline.

const tasks = JSON.parse(document.getElementById("data").textContent).tasks;
const $ = (id) => document.getElementById(id);
const OUTCOMES = ["succeeded", "cached", "resumed", "retried", "failed", "cancelled"];
const LABELS = { retried: "failed and retried" };
// What is told by colour is told by a mark, too.
const MARKS = { cached: "=", resumed: "»", retried: "↻", failed: "✕", cancelled: "–" };

// What the data leaves out is empty.
tasks.forEach((task, place) => {
  task.place = place;
  task.queued ??= 0;
  task.ended = Math.max(task.ended ?? 0, task.queued);
  task.attempts ??= [];
  task.parent ??= 0;
  task.children = [];
  task.outcomes = task.attempts.map(([, , , error], index) =>
    error == null ? "succeeded" : index < task.attempts.length - 1 ? "retried" : task.status);
  task.seconds = task.attempts.length
    ? task.attempts.reduce((sum, [, began, ended]) => sum + ended - began, 0) : task.ended - task.queued;
});
const roots = [];
for (const task of tasks) (tasks[task.parent]?.children ?? roots).push(task);

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") made.className = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child != null));
  return made;
}
const dot = (outcome) => {
  const made = element("span", { class: "dot", "aria-hidden": "true" }, MARKS[outcome]);
  made.style.background = `var(--${outcome})`;
  return made;
};
const number = (value) => value.toLocaleString("en");
function duration(seconds) {
  if (seconds < 0.001) return `${(seconds * 1e6).toFixed(0)} µs`;
  if (seconds < 1) return `${(seconds * 1e3).toFixed(seconds < 0.01 ? 1 : 0)} ms`;
  if (seconds < 60) return `${seconds.toFixed(2)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

// Lanes: an execution takes the first lane that is free when it is queued.

class Heap {
  constructor(before) { this.items = []; this.before = before; }
  get top() { return this.items[0]; }
  push(item) {
    const items = this.items;
    let at = items.push(item) - 1;
    while (at && this.before(item, items[(at - 1) >> 1])) {
      items[at] = items[(at - 1) >> 1];
      at = (at - 1) >> 1;
    }
    items[at] = item;
  }
  pop() {
    const items = this.items, top = items[0], last = items.pop();
    if (!items.length) return top;
    let at = 0;
    for (let child = 1; child < items.length; child = 2 * at + 1) {
      if (child + 1 < items.length && this.before(items[child + 1], items[child])) child += 1;
      if (!this.before(items[child], last)) break;
      items[at] = items[child];
      at = child;
    }
    items[at] = last;
    return top;
  }
}
const lanes = [];
{
  const taken = new Heap((a, b) => a.ended < b.ended), free = new Heap((a, b) => a < b);
  for (const task of [...tasks].sort((a, b) => a.queued - b.queued || a.place - b.place)) {
    while (taken.top && taken.top.ended <= task.queued) free.push(taken.pop().lane);
    task.lane = free.items.length ? free.pop() : lanes.push([]) - 1;
    lanes[task.lane].push(task);
    taken.push(task);
  }
}
