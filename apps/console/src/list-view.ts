/** One user's list: a form to change it through a zone, and how each replica holds it. */
import { h, type JSX } from './preact.js';
import type { ConsoleList, HeldVersion } from '@app/contracts';
import { FormData, type Submission } from './browser.js';
import type { ConsoleActions } from './console-actions.js';
import { plural, shortDot, timeOfDay } from './quantities.js';
import { replicaTable, type ReplicaColumn } from './replica-table.js';

/** Some of the catalog, to choose from; any other can be typed. */
const FILMS = ['inception-2010', 'pulp-fiction-1994', 'the-matrix-1999', 'spirited-away-2002', 'fargo-1996', 'amadeus-1984', 'brazil-1985', 'the-dark-knight-2008'];

export interface ListPanel {
  readonly user: string;
  readonly list: ConsoleList | null;
  readonly zones: readonly string[];
}

export function listView({ user, list, zones }: ListPanel, actions: ConsoleActions): JSX.Element {
  return h('section', { class: 'panel list', 'aria-labelledby': 'list-title' }, [
    h('h2', { id: 'list-title' }, 'One list, as each replica holds it'),
    h('div', { class: 'forms' }, [watchForm(user, actions), writeForm(user, zones, actions)]),
    list === null ? null : replicas(list),
  ]);
}

function watchForm(user: string, actions: ConsoleActions): JSX.Element {
  const onSubmit = (event: Submission): void => {
    event.preventDefault();
    actions.watch(field(event, 'user'));
  };
  return h('form', { onSubmit, 'aria-label': 'Whose list' }, [
    h('label', {}, ['User', h('input', { name: 'user', defaultValue: user, required: true, pattern: '[A-Za-z0-9._~\\-]{1,128}', autocomplete: 'off', spellcheck: false })]),
    h('button', { type: 'submit' }, 'Watch'),
  ]);
}

function writeForm(user: string, zones: readonly string[], actions: ConsoleActions): JSX.Element {
  const onSubmit = (event: Submission): void => {
    event.preventDefault();
    const isRemoval = event.submitter?.value === 'remove';
    actions.write(isRemoval ? 'DELETE' : 'PUT', field(event, 'zone'), user, field(event, 'film'));
  };
  return h('form', { onSubmit, 'aria-label': `Change the list of ${user}` }, [
    h('label', {}, ['Film', h('input', { name: 'film', list: 'films', defaultValue: FILMS[0], required: true, pattern: '[A-Za-z0-9._~\\-]{1,128}', autocomplete: 'off', spellcheck: false })]),
    h('datalist', { id: 'films' }, FILMS.map((film) => h('option', { key: film, value: film }))),
    h('label', {}, ['Through', h('select', { name: 'zone' }, zones.map((zone) => h('option', { key: zone, value: zone }, zone)))]),
    h('button', { type: 'submit', value: 'add', class: 'primary' }, 'Add'),
    h('button', { type: 'submit', value: 'remove' }, 'Remove'),
  ]);
}

const field = (event: Submission, name: string): string => (new FormData(event.currentTarget).get(name) ?? '').trim();

function replicas(list: ConsoleList): JSX.Element {
  const { replicas: columns, films, isEqual } = replicaTable(list);
  const silent = columns.filter(({ standing }) => standing === 'silent').map(({ node }) => node);
  const answered = columns.length - silent.length;
  const verdict = columns.length === 0 ? 'No replica has answered yet.' : !isEqual ? 'The replicas differ.' : `${plural(answered, 'replica')} ${answered === 1 ? 'holds' : 'hold'} this${silent.length > 0 ? `; ${silent.join(', ')} ${silent.length === 1 ? 'does' : 'do'} not answer` : ', all alike'}.`;
  return h('div', {}, [
    h('p', { class: 'verdict', id: 'verdict' }, [`Favorites of ${list.user}. `, h('strong', { class: isEqual ? 'alike' : 'bad' }, verdict)]),
    h('div', { class: 'scroll', role: 'region', 'aria-label': 'Replicas side by side', tabIndex: 0 }, h('table', { class: 'replicas', 'aria-labelledby': 'verdict' }, [
      h('thead', {}, h('tr', {}, [h('th', { scope: 'col' }, 'Film'), ...columns.map(heading)])),
      h('tbody', {}, [
        ...films.map(({ film, cells, isEqual: isAlike }) =>
          h('tr', { key: film, class: isAlike ? '' : 'different' }, [
            h('th', { scope: 'row' }, film),
            ...cells.map((versions, i) => h('td', { key: columns[i]!.node }, columns[i]!.standing === 'silent' ? h('span', { class: 'quiet' }, 'no answer') : cell(versions))),
          ]),
        ),
        films.length === 0 ? h('tr', { key: 'empty' }, [h('th', { scope: 'row', class: 'quiet' }, 'no film'), ...columns.map(({ node }) => h('td', { key: node }, '–'))]) : null,
      ]),
      h('tfoot', {}, [
        footing('digest', columns, ({ digest }) => (digest === null ? '–' : h('code', {}, digest.slice(0, 8)))),
        footing('operations applied', columns, ({ applied }) => (applied === null ? '–' : String(applied))),
        footing('has a vote', columns, ({ vote, standing }) => (standing === 'silent' ? '–' : vote ? 'yes' : 'no')),
      ]),
    ])),
  ]);
}

const heading = ({ node, zone, standing }: ReplicaColumn): JSX.Element =>
  h('th', { key: node, scope: 'col', class: standing }, [node, ' ', h('span', { class: 'quiet' }, zone)]);

const footing = (name: string, columns: readonly ReplicaColumn[], shown: (column: ReplicaColumn) => JSX.Element | string): JSX.Element =>
  h('tr', {}, [h('th', { scope: 'row' }, name), ...columns.map((column) => h('td', { key: column.node }, shown(column)))]);

/** A version by its dot; the whole of it on hover and for a screen reader. */
function cell(versions: readonly HeldVersion[] | null): JSX.Element {
  if (versions === null) return h('span', { class: 'missing' }, 'not here');
  return h('span', { class: 'versions' }, versions.map(({ dot, facet, atMs, superseded, value }) => {
    const story = [`${facet} ${dot}`, timeOfDay(atMs), value?.replace(/^[^{]*/, ''), superseded.length > 0 ? `supersedes ${superseded.join(', ')}` : ''];
    return h('span', { key: dot, class: `version ${facet}`, title: story.filter(Boolean).join('\n') }, [h('code', {}, shortDot(dot)), ' ', h('time', {}, timeOfDay(atMs)), superseded.length > 0 ? h('span', { class: 'quiet' }, ` −${superseded.length}`) : null]);
  }));
}
