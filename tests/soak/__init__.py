"""The soak: the real command for thousands of rounds under trouble, judged by what the sandbox really holds.

`python -m soak --rounds 2000` with tests/ on the path, or `make soak ROUNDS=2000`. Two sites run side by side, each
with a sandbox behind a real socket. The agent of one is never stopped: its memory and descriptors are measured. The
agent of the other is killed at random moments. In a tenth of the rounds a second agent answers the same offering from
"another host", a lock and a state directory of its own. All the while 5 % of the requests meet an error, 5 % lose their
answer after they took effect, and staff import records.
"""
