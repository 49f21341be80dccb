// What pages do beyond their forms and links, which work without it: times in the reader's zone, buttons that copy, a menu
// that closes, counts of what is ticked. It keeps nothing.
"use strict";

const local = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

// A time in the reader's zone; the exact one, in UTC, is told on hover.
function localise(root) {
  for (const time of root.querySelectorAll("time[datetime]:not([data-done])")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    const exact = at.toISOString().replace("T", " ").replace(".000Z", " UTC");
    if ("local" in time.dataset) {
      time.textContent = local.format(at);
      time.title = exact;
    } else {
      time.title = `${local.format(at)} (${exact})`;
    }
    time.dataset.done = "";
  }
}

function say(text) {
  const said = document.getElementById("said");
  said.textContent = "";
  // Readers of screens tell only of what changes.
  requestAnimationFrame(() => { said.textContent = text; });
}

async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(source.textContent.trim());
    button.textContent = "Copied";
    say("Copied to the clipboard");
  } catch {
    // Where the clipboard is not to be had, as without TLS: marked, to be copied by hand.
    getSelection().selectAllChildren(source);
    button.textContent = "Press Ctrl+C";
    say("Marked: press Control C to copy");
  }
  setTimeout(() => { button.textContent = label; }, 4000);
}

// How many boxes of a form are ticked: its buttons say so, and wait for one.
function count(form) {
  const boxes = [...form.querySelectorAll("input[data-pick]")];
  const ticked = boxes.filter((box) => box.checked).length;
  for (const place of form.querySelectorAll("[data-count]")) {
    place.textContent = ticked === 1 ? "1 token selected" : `${ticked} tokens selected`;
  }
  for (const button of form.querySelectorAll("button[data-needs-pick]")) button.disabled = ticked === 0;
  const all = form.querySelector("input[data-pick-all]");
  if (all) {
    all.checked = ticked > 0 && ticked === boxes.length;
    all.indeterminate = ticked > 0 && ticked < boxes.length;
  }
}

function enhance(root) {
  localise(root);
  for (const hidden of root.querySelectorAll("[data-with-script]")) hidden.hidden = false;
  for (const told of root.querySelectorAll("[data-without-script]")) told.hidden = true;
  for (const field of root.querySelectorAll("[data-shown-by]")) {
    field.hidden = document.getElementById(field.dataset.shownBy).value !== field.dataset.for;
  }
  for (const form of root.querySelectorAll("form[data-picks]")) count(form);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-copy]");
  if (button) copy(button);
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

document.addEventListener("change", (event) => {
  if (document.querySelector(`[data-shown-by="${event.target.id}"]`)) enhance(document);
  const form = event.target.closest("form[data-picks]");
  if (!form) return;
  if ("pickAll" in event.target.dataset) {
    for (const box of form.querySelectorAll("input[data-pick]")) box.checked = event.target.checked;
  }
  count(form);
});

// Filters that renew their list while somebody changes them. What is typed of a text says little until there are three letters.
document.addEventListener("htmx:confirm", (event) => {
  const { triggeringEvent: cause, elt } = event.detail;
  if (!("live" in elt.dataset) || cause?.type !== "input") return;
  const letters = cause.target.value.trim().length;
  if (letters > 0 && letters < 3) event.preventDefault();
});

// A filter that cannot be used as it is says so on a page of its own kind, which is shown although it refuses.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr, target } = event.detail;
  if (xhr.status < 400 || xhr.status >= 500 || !xhr.responseText.includes(`id="${target.id}"`)) return;
  event.detail.shouldSwap = true;
  event.detail.isError = false;
});

// Any other refusal is told by the page that the form leads to without us.
document.addEventListener("htmx:responseError", (event) => {
  const form = event.target.closest("form[data-live]");
  if (form && event.detail.xhr.status !== 401) form.submit();
});

// One step back for each filter, and not for each letter.
document.addEventListener("htmx:beforeHistoryUpdate", (event) => {
  const { history: update, requestConfig } = event.detail;
  const cause = requestConfig?.triggeringEvent;
  const here = location.pathname + location.search;
  const goesOn = cause?.type === "input" && new URLSearchParams(location.search).has(cause.target.name);
  if (update.path === here || goesOn) update.type = "replace";
});

// What is outside of the list follows it: names that were chosen are no longer typed, and fields say what is wrong with them.
function follow(form, cause) {
  const chosen = [...form.querySelectorAll("[data-chosen] input")].map((box) => box.value);
  for (const field of form.elements) {
    if (field.list && chosen.includes(field.value)) field.value = "";
    if (!field.id || field.type === "hidden") continue;
    if (document.getElementById(`${field.id}-told`) || field.list) {
      const error = document.getElementById(`${field.id}-error`);
      field.toggleAttribute("aria-invalid", false);
      if (error) field.setAttribute("aria-invalid", "true");
      const told = (field.getAttribute("aria-describedby") ?? "").split(" ").filter((id) => id && id !== `${field.id}-error`);
      if (error) told.push(error.id);
      if (told.length) field.setAttribute("aria-describedby", told.join(" "));
      else field.removeAttribute("aria-describedby");
    }
  }
  // Whoever took a name out by keyboard is not sent back to the top.
  if (cause && !cause.isConnected && document.activeElement === document.body) form.elements[0].focus();
}

document.addEventListener("htmx:afterSettle", (event) => {
  enhance(document);
  const form = event.detail.requestConfig?.elt;
  if (form && "live" in form.dataset) follow(form, event.detail.requestConfig.triggeringEvent?.target);
  const told = event.target.closest("[data-say]") ?? document.querySelector("[data-say]");
  if (told) say(told.dataset.say);
});

// A form is sent once, however often its button is pressed.
document.addEventListener("submit", (event) => {
  if (event.target.method !== "post") return;
  if ("sent" in event.target.dataset) event.preventDefault();
  event.target.dataset.sent = "";
});
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

enhance(document);
