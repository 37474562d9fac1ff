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

  async function refresh(final) {
    const answer = await fetch(`/applications/${application}/live`, { headers: { Accept: "text/html" } });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const before = corrections();
    for (const id of ["glance", "progress"]) {
      document.getElementById(id).replaceChildren(...fresh.getElementById(id).childNodes);
    }
    if (before === corrections() && !final) return;
    if (typed) news.hidden = false;
    else location.reload();
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
