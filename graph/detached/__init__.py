"""The detached branch: the hand-over of a finished turn, its queue, and its run.

LangGraph owns the steps, on a thread for each enrichment; the queue owns only "run or resume
the enrichment of that turn".
"""
