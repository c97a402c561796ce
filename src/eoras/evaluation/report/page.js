
"use strict";
const form = document.getElementById("filter");
const items = [...document.querySelectorAll("[data-video]")];

function filter() {
  const from = form.from.value === "" ? 0 : Number(form.from.value);
  const to = form.to.value === "" ? 100 : Number(form.to.value);
  const video = form.video.value.toLowerCase();
  for (const item of items) {
    const { occlusion, kind } = item.dataset;
    item.hidden = Number(occlusion) < from || Number(occlusion) > to
      || !item.dataset.video.toLowerCase().includes(video)
      || Boolean(kind && form.kind.value && kind !== form.kind.value);
  }
  const strips = items.filter((item) => item.dataset.kind);
  form.shown.value = `${strips.filter((item) => !item.hidden).length} of ${strips.length} filmstrips`;
  document.body.classList.toggle("bare", !form.outlines.checked);
}

form.addEventListener("input", filter);
document.getElementById("clear").addEventListener("click", () => {
  form.reset();
  filter();
});
form.addEventListener("submit", (event) => event.preventDefault());
form.hidden = false;
filter();

const button = document.getElementById("theme");
let dark = matchMedia("(prefers-color-scheme: dark)").matches;

function name() {
  button.textContent = dark ? "Light" : "Dark";
}

button.addEventListener("click", () => {
  dark = !dark;
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  name();
});
button.hidden = false;
name();
