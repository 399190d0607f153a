/**
 * Which methods a path has, so that a known path with a wrong method is 405 with `Allow`, where Fastify's router only
 * says 404. Kept apart from the router, which cannot be asked: patterns are few and are walked only on a miss.
 */
export class KnownRoutes {
  readonly #routes: { readonly segments: readonly string[]; readonly methods: Set<string> }[] = [];

  /** @param pattern as Fastify has it: `/v1/films/:filmId`. Patterns with wildcards are no resources of ours and are left out. */
  add(pattern: string, methods: string | readonly string[]): void {
    if (pattern.includes('*')) return;
    const segments = pattern.split('/');
    let route = this.#routes.find((known) => known.segments.join('/') === pattern);
    if (route === undefined) this.#routes.push((route = { segments, methods: new Set() }));
    for (const method of [methods].flat()) route.methods.add(method);
  }

  /** Methods of the path, sorted; none when there is no such path. @param url a path, maybe with a query */
  methodsOf(url: string): string[] {
    const [path = ''] = url.split('?', 1);
    const segments = path.split('/');
    const methods = this.#routes.filter((route) => matches(route.segments, segments)).flatMap((route) => [...route.methods]);
    return [...new Set(methods)].sort();
  }
}

function matches(pattern: readonly string[], segments: readonly string[]): boolean {
  return (
    pattern.length === segments.length &&
    pattern.every((part, at) => (part.startsWith(':') ? segments[at] !== '' : part === segments[at]))
  );
}
