/**
 * What goes wrong between processes: partitions of every shape, in both directions and in one, a link that comes and goes,
 * loss on all links and on a single one, repetition, reordering, delay, a zone ten times slower than the rest.
 */
import { GOOD_LINK, type LinkQuality } from '@app/store/testing';
import { between, everyone, type Fault, type FaultScene } from './fault.js';

/** A direction: nothing sent by the first reaches the second. */
type Cut = readonly [from: string, to: string];

const bothWays = (one: string, other: string): Cut[] => [
  [one, other],
  [other, one],
];

const acrossOf = (scene: FaultScene, isInside: (name: string, zone: string) => boolean): Cut[] => {
  const inside = everyone(scene).filter(({ name, zone }) => isInside(name, zone));
  const outside = everyone(scene).filter(({ name, zone }) => !isInside(name, zone));
  return inside.flatMap((one) => outside.flatMap((other) => bothWays(one.name, other.name)));
};

function partition(name: string, lastsMs: readonly [number, number], cutsOf: (scene: FaultScene, victim: string) => readonly Cut[]): Fault {
  return {
    name,
    lastsMs,
    begin: (scene, victim) => {
      const cuts = cutsOf(scene, victim);
      for (const [from, to] of cuts) scene.cluster.network.cut(from, to);
      return cuts.length === 0 ? null : () => cuts.forEach(([from, to]) => scene.cluster.network.mend(from, to));
    },
  };
}

/** All links change together. Undone field by field, since two of these may overlap. */
function allLinks(name: string, lastsMs: readonly [number, number], qualityOf: (scene: FaultScene) => Partial<LinkQuality>): Fault {
  return {
    name,
    lastsMs,
    begin: (scene) => {
      const { network } = scene.cluster;
      const worse = qualityOf(scene);
      network.quality = { ...network.quality, ...worse };
      const better = Object.fromEntries(Object.keys(worse).map((field) => [field, GOOD_LINK[field as keyof LinkQuality]]));
      return () => (network.quality = { ...network.quality, ...better });
    },
  };
}

/** Chosen links change, each direction by itself. */
function someLinks(name: string, lastsMs: readonly [number, number], linksOf: (scene: FaultScene, victim: string) => { links: readonly Cut[]; quality: LinkQuality }): Fault {
  return {
    name,
    lastsMs,
    begin: (scene, victim) => {
      const { links, quality } = linksOf(scene, victim);
      for (const [from, to] of links) scene.cluster.network.degrade(from, to, quality);
      return () => links.forEach(([from, to]) => scene.cluster.network.mend(from, to));
    },
  };
}

export const NETWORK_FAULTS: readonly Fault[] = [
  partition('node cut off', [500, 10_000], (scene, victim) => acrossOf(scene, (name) => name === victim)),
  partition('zone cut off', [500, 10_000], (scene) => {
    const cutZone = scene.random.pick(['a', 'b', 'c']);
    return acrossOf(scene, (_, zone) => zone === cutZone);
  }),
  partition('nodes cut off from each other', [500, 10_000], ({ cluster, random }, victim) => {
    const other = random.pick(cluster.nodes);
    return other === victim ? [] : bothWays(victim, other);
  }),
  partition('one-way cut', [500, 10_000], (scene, victim) => {
    const other = scene.random.pick(everyone(scene)).name;
    return other === victim ? [] : scene.random.pick<Cut[]>([[[victim, other]], [[other, victim]]]);
  }),
  partition('node hears nobody', [500, 6_000], (scene, victim) => everyone(scene).flatMap(({ name }): Cut[] => (name === victim ? [] : [[name, victim]]))),
  partition('node reaches nobody', [500, 6_000], (scene, victim) => everyone(scene).flatMap(({ name }): Cut[] => (name === victim ? [] : [[victim, name]]))),
  {
    name: 'link that comes and goes',
    lastsMs: [1_000, 6_000],
    begin: ({ cluster, random }, victim) => {
      const { network, clock } = cluster;
      const links = cluster.nodes.filter((name) => name !== victim).flatMap((name) => bothWays(victim, name));
      let isOver = false;
      const flap = (isCut: boolean): void => {
        if (isOver) return;
        for (const [from, to] of links) network[isCut ? 'cut' : 'mend'](from, to);
        clock.after(between(random, [2, 300]), () => flap(!isCut));
      };
      flap(true);
      return () => {
        isOver = true;
        for (const [from, to] of links) network.mend(from, to);
      };
    },
  },
  allLinks('loss', [500, 8_000], ({ random }) => ({ loss: 0.02 + 0.28 * random.fraction() })),
  someLinks('loss on one link, one way', [1_000, 10_000], (scene, victim) => ({
    links: [[victim, scene.random.pick(everyone(scene)).name]],
    quality: { ...GOOD_LINK, loss: 0.1 + 0.8 * scene.random.fraction() },
  })),
  allLinks('repetition', [500, 10_000], ({ random }) => ({ duplication: 0.5 * random.fraction() })),
  allLinks('reordering', [500, 8_000], ({ random }) => ({ latencyMs: [0.2, between(random, [50, 500])] })),
  allLinks('slow links', [500, 8_000], ({ random }) => ({ latencyMs: [between(random, [5, 50]), between(random, [50, 100])] })),
  someLinks('slow zone', [1_000, 10_000], (scene) => {
    const slow = scene.random.pick(['a', 'b', 'c']);
    const links = acrossOf(scene, (_, zone) => zone === slow);
    return { links, quality: { ...GOOD_LINK, latencyMs: [5, between(scene.random, [10, 120])] } };
  }),
];
