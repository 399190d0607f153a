import { Subscription } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { FakeCall } from '../testing/fake-call.js';
import { Attempt } from './attempt.js';

describe('an attempt', () => {
  it.each<['onComplete' | 'onError', (call: FakeCall) => void]>([
    ['onComplete', (call) => call.complete()],
    ['onError', (call) => call.fail()],
  ])('is torn down before its operator hears %s', (heardAs, end) => {
    const call = new FakeCall();
    const heard: string[] = [];
    const hear = (what: string) => () => void heard.push(`${what}, live ${call.live}`);
    const listener = { onValue: hear('onValue'), onComplete: hear('onComplete'), onError: hear('onError') };
    const caller = new Subscription();
    new Attempt<string>(listener).begin(call.call$, caller);
    call.value('a');
    end(call);
    expect(heard).toEqual(['onValue, live 1', `${heardAs}, live 0`]);
  });

  it('is torn down with its caller, who hears nothing more', () => {
    const call = new FakeCall();
    const heard: string[] = [];
    const hear = () => void heard.push('heard');
    const caller = new Subscription();
    new Attempt<string>({ onValue: hear, onComplete: hear, onError: hear }).begin(call.call$, caller);
    caller.unsubscribe();
    call.answer();
    expect([call.live, heard]).toEqual([0, []]);
  });
});
