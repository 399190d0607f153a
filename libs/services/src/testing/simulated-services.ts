/** The services in each of the ways in which they can be had, in virtual time: what the contract is run over. */
import { finalize, Observable } from 'rxjs';
import { CircuitRegistry, ownCircuit, storeRead, storeWrite } from '@app/circuit';
import { assert, type CallContext, type CommitRequest, zoneId } from '@app/contracts';
import { defaultListStorePolicy, type ListStore, ReplicatedListStore, type StoreTransport } from '@app/favorites-client';
import { ClusterTransport, MemoryListStore } from '@app/favorites-client/testing';
import type { Film } from '@app/films';
import { TestCluster } from '@app/store/testing';
import { SeededRandom, SimClock } from '@app/time';
import { WireClient, WireServer } from '@app/wire';
import { identityOf } from '../../../wire/src/testing/sim-wire.js';
import { SimWireNetwork } from '../../../wire/src/testing/sim-wire-network.js';
import { remoteService } from '../remote/remote-service.js';
import { serveService } from '../remote/serve-service.js';
import { bookmarksDeclaration, favoritesDeclaration, filmsDeclaration, ratingsDeclaration, rowsDeclaration, type ServiceDeclaration } from '../remote/service-declaration.js';
import type { Services } from '../services.js';
import { catalogWrites } from './catalog-writes.js';
import { loadFilms, servicesOver } from './memory-services.js';
import type { ServicesHarness } from './services-driver.js';

/** Longer than any caller waits. */
const SILENCE_MS = 3_600_000;

export function servicesInMemory(films: readonly Film[], clock = new SimClock()): ServicesHarness {
  const store = new MemoryListStore(clock);
  loadFilms(store, films);
  const open = new Open();
  return {
    services: servicesOver(open.watched(store), clock),
    clock,
    stall: () => (store.delayMs = SILENCE_MS),
    inFlight: () => open.count,
    loseNextReply: (applied) => store.loseNextReply(applied),
  };
}

/** Over the production nodes of three zones, through the production client. */
export function servicesOverCluster(films: readonly Film[]): ServicesHarness {
  const cluster = new TestCluster({ seed: 5 });
  const { clock } = cluster;
  const transport = new ClusterTransport(cluster);
  const store = clientOf(cluster, transport);
  for (const write of catalogWrites(films)) cluster.run(store.write(write, { deadlineMs: Infinity, traceId: 'catalog', priority: 'background', principal: { kind: 'service', name: 'test' } }));
  const open = new Open();
  return {
    services: servicesOver(open.watched(store), clock),
    clock,
    stall: () => cluster.nodes.forEach((node) => transport.stop(node)),
    inFlight: () => open.count,
    loseNextReply: losing(transport),
  };
}

function clientOf(cluster: TestCluster, transport: StoreTransport): ReplicatedListStore {
  const { clock } = cluster;
  const circuits = new CircuitRegistry({ 'store-read': storeRead, 'store-write': storeWrite }, (name, policy) => ownCircuit(name, policy, clock));
  const seeds = cluster.ring.members;
  const store = new ReplicatedListStore({ seeds, nodeName: 'gateway', zone: zoneId('zone-a'), transport, circuits, clock, random: new SeededRandom(3), policy: defaultListStorePolicy });
  store.start();
  cluster.advance(10);
  store.stop();
  return store;
}

/** The next write loses the answer to its first COMMIT, or that COMMIT itself; and then so many attempts that it gives up. */
function losing(transport: ClusterTransport): (applied: boolean) => void {
  const LOST_ATTEMPTS = 12;
  const lost: boolean[] = [];
  const timesLost = new Map<string, number>();
  transport.lose = (pattern, payload) => {
    if (pattern !== 'store.commit') return null;
    const delta = Buffer.from((payload as CommitRequest).delta).toString('hex');
    const times = timesLost.get(delta);
    if (times === undefined && lost.length === 0) return null;
    timesLost.set(delta, (times ?? 0) + 1);
    if (times === undefined) return lost.shift()!;
    return times < LOST_ATTEMPTS ? false : null;
  };
  return (applied) => lost.push(applied);
}

const DECLARATIONS = {
  favorites: favoritesDeclaration,
  films: filmsDeclaration,
  bookmarks: bookmarksDeclaration,
  ratings: ratingsDeclaration,
  rows: rowsDeclaration,
} satisfies { [S in keyof Services]: ServiceDeclaration<Services[S]> };

export interface RemoteHarness extends ServicesHarness {
  readonly client: WireClient;
  readonly server: WireServer;
}

/** The same services from another process, over a simulated network. */
export function servicesAtADistance({ services, clock, ...harness }: ServicesHarness): RemoteHarness {
  const random = new SeededRandom(9);
  const network = new SimWireNetwork(clock, random);
  const server = new WireServer({ identity: identityOf('services-1', 'services'), network, clock, report: () => {} });
  for (const name of Object.keys(DECLARATIONS) as (keyof Services)[]) serveService<object>(DECLARATIONS[name], services[name], server, clock);
  let port = 0;
  server.listen({ host: 'sim', port: 0 }).subscribe((listening) => (port = listening));
  clock.advance(0);
  const client = new WireClient({ address: { host: 'sim', port }, peer: 'services-1', identity: identityOf('gateway-a', 'gateway'), network, clock, random });
  client.connect();
  assert(clock.runUntil(() => client.isConnected, 1_000), 'the client is connected');
  const remote = Object.fromEntries(Object.entries(DECLARATIONS).map(([name, declaration]) => [name, remoteService<object>(declaration, client)])) as unknown as Services;
  return { ...harness, services: remote, clock, client, server };
}

/** Calls of a store that have begun and not ended. */
class Open {
  count = 0;

  watched(store: ListStore): ListStore {
    const counted =
      <Request, Reply>(call: (request: Request, context: CallContext) => Observable<Reply>) =>
      (request: Request, context: CallContext): Observable<Reply> =>
        new Observable((subscriber) => {
          this.count++;
          return call(request, context).pipe(finalize(() => this.count--)).subscribe(subscriber);
        });
    return {
      write: counted((request: Parameters<ListStore['write']>[0], context) => store.write(request, context)),
      list: counted((request: Parameters<ListStore['list']>[0], context) => store.list(request, context)),
      get: counted((request: Parameters<ListStore['get']>[0], context) => store.get(request, context)),
      count: counted((request: Parameters<ListStore['count']>[0], context) => store.count(request, context)),
      watch: counted((request: Parameters<ListStore['watch']>[0], context) => store.watch(request, context)),
    };
  }
}
