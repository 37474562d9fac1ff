// Follows a case by server-sent events and replaces the status on the page; nothing a person is typing is touched.
(() => {
  const glance = document.getElementById("glance");
  if (!glance || !window.EventSource) return;
  const application = glance.dataset.application;
  const announce = document.getElementById("announce");
  const news = document.querySelector(".news");
  let version = Number(glance.dataset.version);
  let state = glance.dataset.state;
  let typed = false;
  document.addEventListener("input", () => { typed = true; });

  const corrections = () => glance.querySelector("[data-corrections]")?.dataset.corrections;

  // What stands now where the keyboard was: the same link, or the picture of the flow.
  const again = (gone) => [...document.querySelectorAll("#glance a, #progress a, #progress [tabindex]")]
    .find((one) => one.getAttribute("href") === gone.getAttribute("href"));

  async function refresh(final) {
    const answer = await fetch(`/applications/${application}/live`, { headers: { Accept: "text/html" } });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const before = corrections();
    const held = document.activeElement;
    for (const id of ["glance", "progress"]) {
      document.getElementById(id).replaceChildren(...fresh.getElementById(id).childNodes);
    }
    if (!held.isConnected) again(held)?.focus({ preventScroll: true });
    if (before === corrections() && !final) return;
    if (typed) news.hidden = false;
    else location.assign(`/applications/${application}`);
  }

  const source = new EventSource(`/v1/applications/${application}/events`);
  source.addEventListener("status", (event) => {
    const seen = Number(event.lastEventId);
    if (seen <= version) return;
    version = seen;
    const status = JSON.parse(event.data);
    if (status.final) source.close();
    if (status.state !== state) announce.textContent = `${status.state_name.zh} ${status.state_name.en}`;
    state = status.state;
    refresh(status.final);
  });
  window.addEventListener("pagehide", () => source.close());
})();
