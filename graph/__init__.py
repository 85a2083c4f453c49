"""NetForge: an infrastructure agent with two models.

The orchestrator investigates a question about a live estate with read-only tools and answers
with a report whose claims cite evidence. The analyst then studies the finished investigation,
off the caller's path, and writes what it learned to memory.

    START -> plan <-> tool         plan: ask the orchestrator for the next calls, or to conclude
               |                   tool: run one call; plan sends one per call, side by side
            respond ..> enrich     respond: check the report, hand the turn over, publish
               |           |       enrich: the analyst under a guard, on a thread of its own
              END         END

`runtime` is the one composition root: it opens the clients and hands them to `build`, which
wires the four nodes. `settings` is the only reader of the environment. Every call to the
outside passes through `tape.exchange` and is kept in the checkpoint of its step.

Importing this package opens nothing and imports no model library.
"""
