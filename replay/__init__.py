"""Replay: reads what a run recorded, runs the current code on it offline, forks and compares."""
