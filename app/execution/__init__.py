"""How a validated query runs fast: compiled once into Python that handles whole lists, level by level.

    executor = CompiledExecutor(schema)
    data = await executor.run(operation, plans, variables, context)   # None: let graphql-core answer

`declarations` is what types of the schema say about themselves: which fields are columns of a row, which are read for
many objects at a time, which may come with the rows of their parents. Everything that is not declared is resolved by
its ordinary resolver, object by object, so a declaration changes how fast an answer comes and nothing else. `levels`
writes the code of one level (all objects that stand at one place of the answer), `leaves` that of scalars and enums,
`arguments` that of what resolvers are given; `rows` and `places` say what is under way there. `plan` runs the result,
`executor` keeps plans and decides when graphql-core has to answer.

What a plan cannot prove bails: a value of an unknown kind, a null where none may be, an error of a resolver. The query
then runs in graphql-core, so errors and their places are its own; but for those of a field beside which nothing stands
(`alone`), which are the whole answer and need no second run. Mutations never come here. The test that compares both on
generated operations is the licence for this room (tests/execution).

The room knows GraphQL and Strawberry, and neither SQL nor any noun of the product.
"""

from app.execution.declarations import (
    BESIDE,
    Batch,
    FromRows,
    Made,
    Part,
    PlanInfo,
    Rows,
    batch,
    beside_of,
    from_rows,
    gives_rows,
    is_selected,
    wanted_of,
)
from app.execution.executor import CompiledExecutor
from app.execution.plan import Plan, Plans

__all__ = [
    "BESIDE",
    "Batch",
    "CompiledExecutor",
    "FromRows",
    "Made",
    "Part",
    "Plan",
    "PlanInfo",
    "Plans",
    "Rows",
    "batch",
    "beside_of",
    "from_rows",
    "gives_rows",
    "is_selected",
    "wanted_of",
]
