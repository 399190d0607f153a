/** The page: takes the token out of the address, follows the stream, and draws the model whenever it changes. */
import { render } from './preact.js';
import { document, history, location, sessionStorage } from './browser.js';
import { actOnZone, type ConsoleActions, writeFavorite } from './console-actions.js';
import { initialModel, told, type ConsoleModel } from './console-model.js';
import { consoleView } from './console-view.js';
import { readEvents, TokenRefused } from './event-stream.js';

const RETRY_MS = 1_000;
const TOKEN_KEY = 'triptych-console-token';

/** Kept for this tab alone, so that a reload goes on; gone from the address at once, and so from history and bookmarks. */
function takeToken(): string | null {
  const given = new URLSearchParams(location.hash.slice(1)).get('token');
  if (given !== null) {
    sessionStorage.setItem(TOKEN_KEY, given);
    history.replaceState(null, '', location.pathname);
  }
  return sessionStorage.getItem(TOKEN_KEY);
}

function start(root: object): void {
  let model: ConsoleModel = initialModel('ann');
  let leave = new AbortController();
  let isDue = false;
  const token = takeToken();

  const show = (next: ConsoleModel): void => {
    model = next;
    if (isDue) return;
    isDue = true;
    // Not a frame's callback: a tab in the background has none, and would keep every change for later.
    setTimeout(() => {
      isDue = false;
      render(consoleView(model, actions), root);
    });
  };
  const say = (said: string): void => show({ ...model, said });

  async function follow(): Promise<void> {
    const { signal } = (leave = new AbortController());
    while (!signal.aborted && token !== null) {
      try {
        const url = `/console/events?user=${encodeURIComponent(model.user)}`;
        await readEvents(url, token, signal, ({ event, data }) => show(told(model, event, data)));
      } catch (error) {
        if (error instanceof TokenRefused) return show({ ...model, connection: 'refused', state: null });
      }
      if (signal.aborted) return;
      show({ ...model, connection: 'lost' });
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  const attempt = (doing: string, work: Promise<string>): void => {
    say(doing);
    work.then(say, (error: unknown) => say(`${doing} failed: ${(error as Error).message}`));
  };
  const actions: ConsoleActions = {
    harm: (zone, action) => attempt(`${action} ${zone} …`, actOnZone(token ?? '', zone, action)),
    write: (method, zone, user, film) => attempt(`${method === 'PUT' ? 'Adding' : 'Removing'} ${film} …`, writeFavorite(token ?? '', method, zone, user, film)),
    watch(user) {
      if (user === model.user) return;
      leave.abort();
      show({ ...model, user });
      void follow();
    },
  };

  show(token === null ? { ...model, connection: 'refused' } : model);
  void follow();
}

start(document.getElementById('console')!);
