// What a reader wants to know first: what has failed, and where the time went.

// The time of a task that is its own: when it is at work, and waits for none of those it calls.
for (const task of tasks) {
  const spans = task.children.map((child) => [child.queued, child.ended]).sort((a, b) => a[0] - b[0]);
  task.self = 0;
  for (const [, began, ended] of task.attempts) {
    let free = began, own = 0;
    for (const [from, to] of spans) {
      own += Math.max(Math.min(from, ended) - free, 0);
      free = Math.max(free, Math.min(to, ended));
    }
    task.self += own + Math.max(ended - free, 0);
  }
}

// The critical path, from the end backwards: a task waits for the one of its calls that ended last.
const WAITING = "waiting for its turn";
const shares = new Map();
{
  const spend = (name, seconds) => { if (seconds > 0) shares.set(name, (shares.get(name) ?? 0) + seconds); };
  const pending = roots.length ? [[roots[0], roots[0].ended]] : [];
  while (pending.length) {
    const [task, end] = pending.pop();
    const began = Math.min(task.attempts[0]?.[1] ?? task.queued, end);
    let until = end;
    task.critical = true;
    for (const child of [...task.children].sort((a, b) => b.ended - a.ended)) {
      if (child.ended > until || child.ended <= began) continue;
      spend(task.task, until - child.ended);
      pending.push([child, child.ended]);
      until = Math.max(child.queued, began);
    }
    spend(task.task, until - began);
    spend(WAITING, began - task.queued);
  }
}
function showTime() {
  const whole = [...shares.values()].reduce((sum, seconds) => sum + seconds, 0);
  if (tasks.length < 2 || !whole) return;
  const most = [...shares].sort((a, b) => b[1] - a[1]), shown = most.slice(0, 6);
  const rest = most.slice(6).reduce((sum, [, seconds]) => sum + seconds, 0);
  if (rest) shown.push([`${number(most.length - 6)} others`, rest]);
  shown.forEach(([name, seconds], at) => {
    const part = element("span", {}), mark = element("span", { class: "dot" });
    part.style.width = `${(100 * seconds) / whole}%`;
    part.style.background = mark.style.background = `color-mix(in srgb, var(--focus) ${92 - 13 * at}%, var(--card))`;
    $("shares").append(part);
    $("path").append(element("li", {}, mark, element("b", {}, name),
      ` ${Math.round((100 * seconds) / whole)} %, ${duration(seconds)}`));
  });
  $("time").hidden = false;
}

// Where a failed run goes wrong: the failed call below which no other has the same error.
let origin = roots[0]?.status === "failed" ? roots[0] : null;
for (let next = origin; next;) {
  origin = next;
  next = origin.children.find((child) => child.error === origin.error) ??
    origin.children.find((child) => child.status === "failed");
}
function showFailure() {
  if (!origin) return;
  const callers = [];
  for (let at = origin; at; at = tasks[at.parent]) callers.unshift(at);
  const place = [...(origin.traceback ?? "").matchAll(/File "([^"]+)", line (\d+)/g)].at(-1);
  const count = origin.attempts.length;
  const facts = [
    place && `${place[1].split(/[\\/]/).at(-1)}:${place[2]}`,
    count > 1 && `attempt ${count} of ${count}`,
    origin.inputs,
  ].filter(Boolean);
  const steps = callers.length > 6 ? [...callers.slice(0, 2), null, ...callers.slice(-3)] : callers;
  $("failed").append(
    element("p", { class: "callers" }, steps.map((task) => task?.task ?? "…").join(" > ")),
    element("pre", { class: "error" }, origin.error ?? ""),
    element("p", { class: "hint" }, facts.join(" · ")),
    element("button", { type: "button", onclick: () => { choose(origin); $("details").scrollIntoView(); } }, "Traceback and values"));
  $("failure").hidden = false;
}
showTime();
showFailure();
