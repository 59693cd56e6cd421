import "node:process";
