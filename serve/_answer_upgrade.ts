import { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { type AnswerOptions, ExchangeInfo, logProblem } from "./_answer.ts";
import { checked, failureResponse } from "./_handler.ts";
import { ClientState, readHead, toRequest } from "./_request.ts";
import { sendResponse } from "./_response.ts";
import { type Upgradable, upgradables } from "./upgrade_web_socket.ts";

/**
 * Answers a request that asks for an upgrade, which the handler may perform.
 *
 * @returns The socket if it did.
 */
export async function answerUpgrade(
  upgradable: Upgradable,
  options: AnswerOptions,
): Promise<WebSocket | undefined> {
  const { message, connection } = upgradable;
  const socket = connection as Socket;
  const outgoing = new ServerResponse(message);
  const client = new ClientState();
  const info = new ExchangeInfo(socket);
  let request: Request | undefined;
  try {
    request = toRequest(message, readHead(message.rawHeaders), {
      secure: options.secure,
      client,
      onFirstRead() {},
    });
    upgradables.set(request, upgradable);
    let response: Response;
    try {
      response = await options.handler(request, info);
      if (upgradable.socket !== undefined) return upgradable.socket;
      checked(response);
    } catch (error) {
      if (upgradable.socket !== undefined) throw error;
      response = checked(await failureResponse(error, options, request));
    } finally {
      upgradables.delete(request);
    }
    outgoing.assignSocket(socket);
    await sendResponse(response, outgoing, true);
  } catch (error) {
    logProblem(error, request);
    upgradable.socket?.close(1011);
  }
  socket.destroySoon();
  return upgradable.socket;
}
