run:
	.venv/bin/python -m lab

test:
	.venv/bin/python -m pytest -q

check:
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

bench:
	.venv/bin/python -m bench

lock:
	.venv/bin/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --no-annotate -o requirements.txt

studio:
	LANGGRAPH_CLI_NO_ANALYTICS=1 LANGGRAPH_NO_VERSION_CHECK=true .venv/bin/langgraph dev --no-browser --n-jobs-per-worker 10

.PHONY: run test check bench lock studio
