import { describe, expect, it } from 'vitest';
import { commandAgain, readOptions } from './drill-options.js';

describe('the command line', () => {
  it('needs nothing', () => expect(readOptions([])).toMatchObject({ drill: null, all: false, zones: 3, 'nodes-per-zone': 2, arrivals: 'poisson', users: 200, 'list-size': 20, seed: 1 }));
  it('takes a drill and its load', () => {
    expect(readOptions(['node-kill', '--rate', '300', '--mix', 'list=1,add=2', '--target', 'http://127.0.0.1:1,http://127.0.0.1:2'])).toMatchObject({
      drill: 'node-kill', rate: 300, mix: { list: 1, add: 2, remove: 0, move: 0, home: 0 }, target: ['http://127.0.0.1:1', 'http://127.0.0.1:2'],
    });
  });
  it.each<[string[], RegExp]>([
    [['zone-fire'], /there is no drill "zone-fire"[\s\S]*zone-kill/],
    [['--rate', 'fast'], /^--rate is "fast": expected a number from 1 to 50000/],
    [['--mix', 'list=1,sing=2'], /^--mix is "list=1,sing=2": expected weights of list, add/],
    [['--arrivals', 'never'], /expected poisson or uniform/],
    [['--target', 'here'], /^--target is "here"/],
    [['--nope'], /Unknown option '--nope'/],
    [['zone-kill', '--all'], /one of a drill, --all, --script and --peak at a time/],
  ])('refuses %o', (words, fault) => expect(() => readOptions(words)).toThrow(fault));
});

describe('the command to run it again', () => {
  it.each<[string[], string]>([
    [[], 'npm run drill -- --seed 7'],
    [['zone-kill', '--rate', '300'], 'npm run drill -- zone-kill --rate 300 --seed 7'],
    [['--seed=7', '--all'], 'npm run drill -- --all --seed 7'],
    [['--all', '--report', 'some/where', '--data=else/where'], 'npm run drill -- --all --seed 7'],
  ])('of %o names the seed, and no place on this machine', (words, command) => expect(commandAgain(words, 7)).toBe(command));
});
