/* Realtime streams for htmx 2 and its SSE extension: one EventSource that survives HTTP errors,
   keeps its cursor, sleeps in hidden tabs and never shows a fragment twice. */
(() => {
  "use strict";
  const HIDDEN_MS = 15000;
  const MAX_FAILURES = 5;

  class RtSource extends EventTarget {
    constructor(url) {
      super();
      this.url = new URL(url, location.href);
      this.types = new Set();
      this.failures = 0;
      this.closed = false;
      this.open();
      this.onVisibility = () => this.visibility();
      document.addEventListener("visibilitychange", this.onVisibility);
    }

    // The extension rebuilds a source that says CLOSED, and would lose the cursor: we never do.
    get readyState() {
      return this.real && this.real.readyState === EventSource.OPEN ? 1 : 0;
    }

    addEventListener(type, listener, options) {
      super.addEventListener(type, listener, options);
      if (!this.types.has(type)) {
        this.types.add(type);
        if (this.real) this.forward(type);
      }
    }

    forward(type) {
      this.real.addEventListener(type, (event) => {
        if (event.lastEventId) this.url.searchParams.set("last", event.lastEventId);
        const { data, lastEventId } = event;
        this.dispatchEvent(new MessageEvent(type, { data, lastEventId }));
      });
    }

    open() {
      clearTimeout(this.timer);
      if (this.closed || this.real) return;
      const real = (this.real = new EventSource(this.url));
      this.types.forEach((type) => this.forward(type));
      real.onopen = (event) => {
        this.failures = 0;
        if (this.onopen) this.onopen(event);
      };
      real.onerror = (event) => {
        if (this.real === real && real.readyState === EventSource.CLOSED) {
          this.real = null;
          this.failures += 1;
          if (this.failures < MAX_FAILURES && !document.hidden) this.later();
        }
        if (this.onerror) this.onerror(event);
      };
    }

    later() {
      const wait = Math.min(30000, 1000 * 2 ** this.failures) * (0.5 + Math.random());
      this.timer = setTimeout(() => this.open(), wait);
    }

    pause() {
      clearTimeout(this.timer);
      if (this.real) this.real.close();
      this.real = null;
    }

    visibility() {
      clearTimeout(this.timer);
      if (document.hidden) {
        this.timer = setTimeout(() => this.pause(), HIDDEN_MS);
      } else {
        this.failures = 0;
        this.open();
      }
    }

    close() {
      this.closed = true;
      document.removeEventListener("visibilitychange", this.onVisibility);
      this.pause();
    }
  }

  htmx.createEventSource = (url) => new RtSource(url);

  // A fragment whose first element is already in the page replaces it: appends are idempotent.
  document.addEventListener("htmx:sseBeforeMessage", (event) => {
    const parsed = new DOMParser().parseFromString(event.detail.data || "", "text/html");
    const first = parsed.body.firstElementChild;
    const present = first && first.id && document.getElementById(first.id);
    if (present && event.target.contains(present)) {
      event.preventDefault();
      const fresh = document.adoptNode(first);
      present.replaceWith(fresh);
      htmx.process(fresh);
    }
  });
})();
