import './whose'
import { playInEveryCut } from './told'

playInEveryCut()
