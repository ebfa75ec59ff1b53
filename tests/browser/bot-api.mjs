// A Bot API that others wrote, for our client to be tried against. Prints its address; then does what each
// line of its input says, and prints what came of it. Ends with its input.
import { createInterface } from "node:readline";
import TelegramServer from "telegram-test-api";

const server = new TelegramServer({ host: "127.0.0.1" });
// Its own settings take 0 for "not set".
server.config.port = 0;
await server.start();
const { port } = server.server.address();
server.config.apiURL = `http://127.0.0.1:${port}`;
console.log(server.config.apiURL);

const phone = server.getClient(process.env.AEGIS_TOKEN, { userId: 7, chatId: 7, firstName: "Sam" });
const orders = {
  say: ({ text }) => phone.sendMessage(phone.makeMessage(text)),
  // Its taps do not say on which message, unless they are told.
  tap: ({ data, message_id, date }) =>
    phone.sendCallback(phone.makeCallbackQuery(data, { message: { message_id, date } })),
  read: () => phone.getUpdatesHistory(),
};

for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  console.log(JSON.stringify(await orders[order.do](order)));
}
await server.stop();
