from __future__ import annotations
import time, collections
from pathlib import Path
from app.context import Runtime
from tests.execution.world import make_world, open_world
from tests.execution.operations import Writer
from tests.execution.twins import Verdict
import orjson
async def test_it(runtime: Runtime, tmp_path: Path) -> None:
    t=time.process_time()
    def lap(n):
        nonlocal t
        print(n, round(time.process_time()-t,2)); t=time.process_time()
    world = await make_world(runtime, tmp_path); lap('world')
    twins, known = await open_world(runtime, world); lap('learn')
    print({k:len(v) for k,v in known.ids.items()}); print({k:len(v) for k,v in known.words.items()}); print({k:len(v) for k,v in known.cursors.items()})
    ops=[]
    reached=set()
    for s in range(400):
        w=Writer(twins.schema, known, s); ops.append(w.operation()); reached|=w.reached
    lap('generate 400'); print(len(reached))
    c=collections.Counter()
    for op in ops:
        w=time.time(); r=await twins.compare(op)
        if time.time()-w>1: print('SLOW', time.time()-w, op.document)
        c[r.verdict.value]+=1
        if r.verdict==Verdict.BROKEN: print('BROKEN', op); continue
        if r.refused:
            c['refused']+=1
            c[orjson.loads(r.core)['errors'][0]['message'][:60]+op.scope[:0]]+=1
        elif r.failed: c['failed']+=1; c['F '+orjson.loads(r.core)['errors'][0]['message'][:50]]+=1
        if r.verdict!=Verdict.EQUAL: print(r, op.document)
    lap('compare'); print(*c.most_common(),sep='\n')
    print(sum(len(o.document) for o in ops)/400)
    for op in ops[10:20]: print(op)
