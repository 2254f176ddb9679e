// The picture of a day follows what is typed, and a night is named; the form works without this file.
"use strict";
(() => {
  const time = (text) => {
    const found = /^(\d{1,2})(?:[:.h]?(\d\d))?$/.exec(text.trim());
    const hours = found ? Number(found[1]) + Number(found[2] || 0) / 60 : NaN;
    return hours <= 24 && Number(found[2] || 0) < 60 ? hours : NaN;
  };
  const windows = (day) =>
    [...day.querySelectorAll(".window")].map((row) => {
      const [start, end] = [...row.querySelectorAll("input")].map((input) => time(input.value));
      const night = end <= start && end !== start;
      row.querySelector(".overnight").textContent = night ? "the next day" : "";
      return { start, end, night };
    });
  const draw = () => {
    const days = [...document.querySelectorAll(".week-day")];
    const all = days.map(windows);
    days.forEach((day, number) => {
      const spans = all[number].map(({ start, end, night }) => [start, (night ? 24 : end) - start]);
      for (const { end, night } of all[(number + 6) % 7]) if (night) spans.push([0, end]);
      const picture = day.querySelector(".day-bar");
      for (const old of picture.querySelectorAll(".open")) old.remove();
      for (const [start, length] of spans) {
        if (!(length > 0)) continue;
        const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
        for (const [name, value] of Object.entries({ class: "open", x: start, y: 0, width: length, height: 4 })) rect.setAttribute(name, value);
        picture.prepend(rect);
      }
    });
  };
  document.addEventListener("input", (event) => event.target.closest(".week-day") && draw());
})();
