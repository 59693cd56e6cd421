import { listenFds } from "../../../mod.ts";

listenFds();
