"""What operations cost: told by the schema, estimated before they run, counted of their answers, paid from buckets.

`directives` is what a schema says, `derived` what follows from its shape, `text` how both are printed. `weights` reads
them; `calls` finds what an operation calls and how often, with what `reading` finds in its arguments; `estimate` sums
that up, `actual` counts it in an answer, and `charging` takes and gives back.
"""
