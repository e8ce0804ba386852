
// Comfort only: without it hovering shows the same, a little later.
(function () {
  var tip = document.getElementById("tip");
  var chart = document.querySelector(".chart");
  if (!tip || !chart) { return; }
  function told(element) {
    var shape = element.closest ? element.closest(".track a, .track g") : null;
    if (!shape) { return ""; }
    var title = shape.querySelector("title");
    if (title) {
      shape.setAttribute("aria-label", title.textContent);
      title.remove();
    }
    return shape.getAttribute("aria-label") || "";
  }
  function show(text, x, y) {
    tip.textContent = text;
    tip.hidden = text === "";
    if (tip.hidden) { return; }
    var box = tip.getBoundingClientRect();
    tip.style.left = Math.max(8, Math.min(x + 14, window.innerWidth - box.width - 8)) + "px";
    tip.style.top = (y + 18 + box.height > window.innerHeight ? y - box.height - 12 : y + 18) + "px";
  }
  chart.addEventListener("pointermove", function (event) {
    show(told(event.target), event.clientX, event.clientY);
  });
  chart.addEventListener("pointerleave", function () { show("", 0, 0); });
  chart.addEventListener("focusin", function (event) {
    var box = event.target.getBoundingClientRect();
    show(event.target === chart ? "" : told(event.target), box.left, box.bottom);
  });
  chart.addEventListener("focusout", function () { show("", 0, 0); });
})();
