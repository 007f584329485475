export const kImageBytesMax = 8 * 1024 * 1024;
export const kImagesMax = 4; // per message
export const kImageTypes: readonly string[] = [
  'image/png',
  'image/jpeg',
  'image/webp',
  'image/gif',
];

export type ImageProblem = 'wrongType' | 'tooLarge' | 'tooMany';

// Why these files cannot be added to a message that has `count` images, or null.
export function imageProblemOf(files: readonly File[], count: number): ImageProblem | null {
  if (files.some((file) => !kImageTypes.includes(file.type))) return 'wrongType';
  if (files.some((file) => file.size > kImageBytesMax)) return 'tooLarge';
  return count + files.length > kImagesMax ? 'tooMany' : null;
}

export function readAsDataUrl(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error ?? new Error('FileReader'));
    reader.readAsDataURL(file);
  });
}
