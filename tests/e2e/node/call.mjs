// One call with the official Node SDK: `node call.mjs <name> <arguments as JSON>`. Prints its outcome as JSON.
import { createReadStream } from "node:fs";
import OpenAI, { NotFoundError } from "openai";

const client = new OpenAI({ baseURL: process.env.BASE_URL, apiKey: process.env.API_KEY, maxRetries: 0 });

function chat(model, id, stream) {
  const content = [
    { type: "text", text: "What is in it?" },
    { type: "file", file: { file_id: id } },
  ];
  return client.chat.completions.create({ model, messages: [{ role: "user", content }], stream });
}

const calls = {
  upload({ path, targets }) {
    return client.files.create({
      file: createReadStream(path),
      purpose: "user_data",
      target_model_names: targets,
    });
  },
  async list({ limit }) {
    const ids = [];
    for await (const file of client.files.list({ limit })) ids.push(file.id);
    return ids;
  },
  async ask({ model, id }) {
    return (await chat(model, id, false)).choices[0].message.content;
  },
  async stream({ model, id }) {
    let text = "";
    for await (const chunk of await chat(model, id, true)) text += chunk.choices[0]?.delta.content ?? "";
    return text;
  },
  async content({ id }) {
    return await (await client.files.content(id)).text();
  },
  remove({ id }) {
    return client.files.delete(id);
  },
  async missing({ id }) {
    try {
      return await client.files.retrieve(id);
    } catch (error) {
      return { notFound: error instanceof NotFoundError, message: error.error?.message };
    }
  },
};

const [name, given] = process.argv.slice(2);
console.log(JSON.stringify(await calls[name](JSON.parse(given))));
