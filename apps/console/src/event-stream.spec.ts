import fc from 'fast-check';
import { expect, it } from 'vitest';
import { EventParser, type StreamedEvent } from './event-stream.js';

it('gives the same events however the text is cut', () => {
  const text = 'retry: 1000\n\nevent: state\ndata: {"a":1}\n\n: a comment\n\nevent: changed\ndata: {"b":"x: y"}\n\ndata: bare\n\n';
  const expected: StreamedEvent[] = [{ event: 'state', data: '{"a":1}' }, { event: 'changed', data: '{"b":"x: y"}' }, { event: 'message', data: 'bare' }];
  fc.assert(
    fc.property(fc.array(fc.nat(text.length), { maxLength: 8 }), (cuts) => {
      const places = [0, ...cuts.sort((a, b) => a - b), text.length];
      const parser = new EventParser();
      const events = places.slice(1).flatMap((to, i) => parser.push(text.slice(places[i], to)));
      expect(events).toEqual(expected);
    }),
  );
});

it('gives nothing of an event that is not complete', () => {
  const parser = new EventParser();
  expect(parser.push('event: state\ndata: {}\n')).toEqual([]);
  expect(parser.push('\n')).toEqual([{ event: 'state', data: '{}' }]);
});
