import type { Behaviour, Liar } from './liar.ts';

/** Says nothing at all in every other view, whichever that is. */
export function silent(liar: Liar): Behaviour {
  let view = '';
  let mute = false;
  return {
    says(letter) {
      const { height, round } = letter.message;
      const spoken = `${height}/${round}`;
      if (spoken !== view) {
        view = spoken;
        mute = liar.chance.happens(0.5);
      }
      return mute ? [] : [letter];
    },
  };
}
