"""What the demo prints: a program to paste into another terminal."""

import importlib.util
import shlex
import sys
from collections.abc import Iterable

_STORY = """
Demo: a real gateway in front of seven sandbox providers. Nothing leaves this machine. Paste into another terminal:

{install}{python} - <<'EOF'
from openai import NotFoundError, OpenAI

client = OpenAI(base_url="http://{host}:{port}", api_key="sk-1234")
models = ["gpt-4o-mini-openai", "gemini-2.0-flash"]

file = client.files.create(
    file=("paper.pdf", b"%PDF-1.4 Hello from one file id.", "application/pdf"),
    purpose="user_data",
    extra_body={{"target_model_names": ", ".join(models)}},
)
print(file.id, [(copy["provider"], copy["state"]) for copy in file.copies])

content = [{{"type": "text", "text": "What is in this file?"}}, {{"type": "file", "file": {{"file_id": file.id}}}}]
for model in models:
    print("\\n" + model + ": ", end="")
    messages = [{{"role": "user", "content": content}}]
    for chunk in client.chat.completions.create(model=model, messages=messages, stream=True):
        for choice in chunk.choices:
            print(choice.delta.content or "", end="", flush=True)

print("\\n\\ndeleted:", client.files.delete(file.id).deleted)
try:
    client.files.retrieve(file.id)
except NotFoundError as gone:
    print(gone.message)
EOF

All its models: {models}.
Ctrl-C ends the demo.
"""


def story(host: str, port: int, models: Iterable[str]) -> str:
    """The text for the Python that runs here, whatever folder it is pasted in."""
    python = shlex.quote(sys.executable)
    install = "" if importlib.util.find_spec("openai") else f"{python} -m pip install openai\n"
    return _STORY.format(install=install, python=python, host=host, port=port, models=", ".join(models))
